// Builds the addons of native/ for this machine. Plain JavaScript without dependencies, because the set-up of a fresh
// checkout runs it too, on whatever Node.js there is and before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { compileAddon } from './compile-addon.mjs'

const native = fileURLToPath(new URL('../native', import.meta.url))
const built = join(native, 'build')
const stamp = join(built, 'sources.sha256')
const LIBFABRIC_HEADER = '/usr/include/rdma/fabric.h'

/** @returns {string[]} the compiler's command: `CC`, which may be more than one word, or `cc` */
export const compiler = () => (process.env.CC || 'cc').trim().split(/\s+/)

/** @returns {string} a hash of what the addons are made from */
export function sourcesHash() {
  const hash = createHash('sha256')
  const here = dirname(fileURLToPath(import.meta.url))
  const paths = [join(here, 'compile-addon.mjs')]
  for (const name of readdirSync(native).sort()) if (/\.[ch]$/.test(name)) paths.push(join(native, name))
  for (const path of paths) hash.update(`\0${path.slice(here.length)}\0`).update(readFileSync(path))
  return hash.digest('hex')
}

/** @returns {string} changes with the sources, with the processor, and when libfabric's headers come or go */
const stateOfBuild = () => `${sourcesHash()} ${process.arch} ${existsSync(LIBFABRIC_HEADER)}`

/** @returns {boolean} whether the addons are built from the sources as they are now; rfaas_verbs may have been left out */
export function isBuilt() {
  if (!hasAddon('rfaas_host') || !existsSync(stamp)) return false
  return readFileSync(stamp, 'utf8') === stateOfBuild()
}

/**
 * @param {'rfaas_host' | 'rfaas_verbs'} addon
 * @returns {boolean} whether its file is there
 */
export const hasAddon = (addon) => existsSync(join(built, `${addon}.node`))

/**
 * Finds the headers of Node-API and libuv, which lie beside a Node.js from nodejs.org, most distributions and the npm
 * package `node-linux-*`. The one that runs this comes first; any will do, because both interfaces are stable.
 *
 * @returns {string | null} the folder
 */
export function nodeHeaders() {
  const name = `node-linux-${process.arch}`
  const prefixes = [
    dirname(dirname(process.execPath)),
    // Of a checkout, and beside the published package.
    ...['../../..', '../../../..'].map((folder) => join(native, folder, 'node_modules', name)),
  ]
  const folders = prefixes.map((prefix) => join(prefix, 'include/node'))
  return folders.find((folder) => ['node_api.h', 'uv.h'].every((name) => existsSync(join(folder, name)))) ?? null
}

/** @returns {boolean} whether the compiler finds a header */
export function compilerFinds(header) {
  const [command, ...args] = compiler()
  const input = `#include <${header}>\n`
  return spawnSync(command, [...args, '-E', '-'], { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0
}

/**
 * Builds both addons; leaves rfaas_verbs out where libfabric's headers are absent. Takes about 2 s.
 *
 * @returns {Promise<{ ok: boolean, output: string, reason?: string }>} `output` is the compiler's; `reason` a sentence
 * that says what is missing, or that the compiler has failed
 */
export async function build() {
  const state = stateOfBuild()
  const headers = nodeHeaders()
  const missing = missingFor(headers)
  if (missing !== null) return { ok: false, output: '', reason: `Cannot build the addons: ${missing}` }
  // A build that fails leaves no stamp.
  rmSync(stamp, { force: true })
  rmSync(join(built, 'rfaas_verbs.node'), { force: true })
  const addons = compilerFinds('rdma/fabric.h') ? ['rfaas_host', 'rfaas_verbs'] : ['rfaas_host']
  const results = await Promise.all(
    addons.map((addon) =>
      compileAddon({ addon, compiler: compiler(), includes: [headers], out: join(built, `${addon}.node`) }),
    ),
  )
  const ok = results.every((result) => result.ok)
  const output = results.map((result) => result.output).join('')
  if (!ok) return { ok, output, reason: 'Cannot build the addons: the compiler has failed, see above' }
  writeFileSync(stamp, state)
  return { ok, output }
}

/** @returns {string | null} all that a build lacks, with what to do */
function missingFor(headers) {
  const missing = []
  if (!compilerFinds('stdio.h')) {
    const name = compiler().join(' ')
    missing.push(`there is no C compiler that works as \`${name}\` (Debian, Ubuntu: apt-get install gcc libc6-dev)`)
  }
  if (headers === null) {
    const name = `node-linux-${process.arch}`
    const reason = `${process.execPath} came without its headers (include/node/node_api.h and uv.h)`
    missing.push(`${reason}; \`npm install --no-save ${name}\` brings them`)
  }
  return missing.length === 0 ? null : missing.join(', and ')
}
