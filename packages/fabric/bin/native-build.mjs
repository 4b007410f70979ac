// Builds the addons of native/ with node-gyp. Plain JavaScript without dependencies at the top, for the set-up of a
// fresh checkout runs it too, on whatever Node.js there is and before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const native = fileURLToPath(new URL('../native', import.meta.url))
const release = join(native, 'build/Release')
// node-gyp empties build/ before it builds, so a build that failed leaves no stamp.
const stamp = join(native, 'build/sources.sha256')

/** @returns {string} what the addons are made from: a hash of the sources and of the processor's name */
function sourcesHash() {
  const hash = createHash('sha256').update(process.arch)
  for (const name of readdirSync(native).sort()) {
    if (/\.(c|cc|h|hpp|gyp|gypi)$/.test(name)) hash.update(`\0${name}\0`).update(readFileSync(join(native, name)))
  }
  return hash.digest('hex')
}

/**
 * @param {'rfaas_host' | 'rfaas_verbs'} addon
 * @returns {boolean} whether it is built from the sources as they are now
 */
export function isBuilt(addon) {
  if (!existsSync(join(release, `${addon}.node`)) || !existsSync(stamp)) return false
  return readFileSync(stamp, 'utf8') === sourcesHash()
}

/** @returns {string | null} the prefix of the Node.js that runs this, when its headers are there; else node-gyp fetches them */
function headersPrefix() {
  const prefix = dirname(dirname(realpathSync(process.execPath)))
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : null
}

/**
 * Builds both addons; rfaas_verbs is left out where libfabric's headers are absent. Takes about 5 s.
 *
 * @param {'inherit' | 'pipe'} output where the compiler's words go
 * @returns {{ ok: boolean, output: string }}
 */
export function build(output) {
  const hash = sourcesHash()
  const prefix = headersPrefix()
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  const nodedir = prefix === null ? [] : [`--nodedir=${prefix}`]
  // npm hands its settings down in the environment, where node-gyp lets them win over its own arguments.
  const { npm_config_nodedir: _, ...env } = process.env
  const run = spawnSync(
    process.execPath,
    [nodeGyp, 'rebuild', '--directory', native, '--jobs=max', '--loglevel=warn', ...nodedir],
    {
      env: prefix === null ? process.env : env,
      encoding: 'utf8',
      stdio: ['ignore', output, output],
    },
  )
  const ok = run.status === 0
  if (ok) writeFileSync(stamp, hash)
  return { ok, output: `${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}` }
}
