// Sets up a checkout so that it can run: npm packages, a new enough Node.js, a compiler, the addons; libfabric and make
// where it may install them.
// Prints nothing when nothing is to be done. Plain JavaScript, because the Node.js that runs this may be old. What runs
// afterwards is another npm script, because a shell remembers which `node` it found first.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

import { compilerFinds, isBuilt, nodeHeaders } from '../packages/fabric/bin/native-build.mjs'
import { npm } from './setup/npm.mjs'
import { mayWrite, root, run } from './setup/run.mjs'

const NODE_MAJOR = 24
const modules = join(root, 'node_modules')
const ownNode = join(modules, '.bin/node')
const npmStamp = join(modules, '.rfaas-setup')
const builder = fileURLToPath(new URL('../packages/fabric/bin/rfaas-build-native.mjs', import.meta.url))

function fail(sentence) {
  process.stdout.write(`set-up: ${sentence}\n`)
  process.exit(1)
}

/**
 * Runs the commands in turn until one fails. Prints one line with the step and its time. Of a failed command it prints the
 * `reason` that it returned, or else its output.
 */
function step(what, commands) {
  process.stdout.write(`set-up: ${what} … `)
  const startMs = Date.now()
  for (const command of commands) {
    const { ok, output, reason } = command()
    if (ok) continue
    process.stdout.write('failed\n')
    if (reason) fail(reason)
    process.stdout.write(output)
    fail(`Cannot go on: ${what} failed, see above`)
  }
  process.stdout.write(`${((Date.now() - startMs) / 1000).toFixed(1)} s\n`)
}

const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')

const packagesMissing = () => !existsSync(npmStamp) || readFileSync(npmStamp, 'utf8') !== lockHash()

/** Whether the `node` that a user's shell finds is missing or too old, and the checkout does not have its own. */
function nodeMissing() {
  if (existsSync(ownNode)) return false
  // Started by our own `node`, which `npm ci` has just removed: ask for the system's.
  const ours = process.execPath.startsWith(modules + sep)
  const version = ours ? run('node', ['--version']).output.slice(1) : process.versions.node
  return !(parseInt(version, 10) >= NODE_MAJOR)
}

const addonsMissing = () => !isBuilt()

/** Whether neither the Node.js that builds the addons nor a package in the checkout has the headers that they need. */
const headersMissing = () => addonsMissing() && nodeHeaders() === null

/**
 * @returns {{ needed: string[], useful: string[] }} Debian's names of what this machine lacks: to build rfaas_host, and
 * for all else (RDMA; the benches' programs in C)
 */
function systemPackagesMissing() {
  const compiles = compilerFinds('stdlib.h')
  return {
    needed: compiles ? [] : ['gcc', 'libc6-dev'],
    // Without a compiler nobody can tell whether there are headers; installing what is there already does no harm.
    useful: [
      ...(compiles && compilerFinds('rdma/fabric.h') ? [] : ['libfabric-dev']),
      ...(run('sh', ['-c', 'make --version']).ok ? [] : ['make']),
    ],
  }
}

/** Installs all of it as root on Debian and Ubuntu; elsewhere stops when something needed is missing. */
function installSystemPackages({ needed, useful }) {
  if (needed.length + useful.length === 0) return
  if (process.getuid?.() !== 0 || !run('apt-get', ['--version']).ok) {
    if (needed.length === 0) return
    // A fresh Debian has no package lists; there apt-get would know no gcc.
    const update = run('apt-cache', ['show', ...needed]).ok ? '' : 'sudo apt-get update && '
    fail(
      'Cannot build the addons: this machine lacks a C compiler; install one ' +
        `(Debian, Ubuntu: ${update}sudo apt-get install ${needed.join(' ')}) and start again.`,
    )
  }
  const options = { env: { DEBIAN_FRONTEND: 'noninteractive' } }
  const apt = (...args) => run('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args], options)
  const names = [...needed, ...useful]
  // The package lists may be old or absent; if the update fails, those at hand may still do.
  const update = () => ({ ...apt('update'), ok: true })
  const install = () => {
    const all = apt('install', '--no-install-recommends', ...names)
    return { ...all, ok: all.ok || needed.length === 0 }
  }
  step(`installing ${names.join(' ')} (apt-get)`, [update, install])
}

function setUp() {
  if (!mayWrite(root)) {
    const user = `user ${process.getuid?.()}`
    fail(`Cannot set up ${root}: ${user} may not write there; start it as the owner, or clone it into another folder.`)
  }
  // System packages first, because they may need the user.
  if (addonsMissing()) installSystemPackages(systemPackagesMissing())

  if (packagesMissing()) {
    // The version of Node.js is checked below; none of the packages needs its install scripts.
    step('installing npm packages (npm ci)', [() => npm('ci', '--include=dev')])
    writeFileSync(npmStamp, lockHash())
  }

  if (nodeMissing() || headersMissing()) {
    const name = `node-linux-${process.arch}@${NODE_MAJOR}`
    const why = nodeMissing() ? `beside the system's ${process.version}` : 'for its headers'
    const what = `bringing Node.js ${NODE_MAJOR} from npm, ${why}`
    step(what, [() => npm('install', name, '--no-save')])
    if (nodeMissing() || headersMissing())
      fail(`Cannot bring Node.js ${NODE_MAJOR}: ${name} holds none; install Node.js ${NODE_MAJOR} or newer.`)
  }

  if (addonsMissing()) {
    const node = existsSync(ownNode) ? ownNode : process.execPath.startsWith(modules + sep) ? 'node' : process.execPath
    step('building the addons', [() => run(node, [builder])])
  }
}

/** One set-up at a time: the kernel holds the lock on the folder and drops it when the holder ends, however it ends. */
function setUpAlone() {
  const again = [root, process.execPath, fileURLToPath(import.meta.url), '--locked']
  const BUSY = 75
  let result = spawnSync('flock', ['-n', '-E', String(BUSY), ...again], { stdio: 'inherit' })
  if (result.status === BUSY) {
    process.stdout.write('set-up: waiting for another set-up of this checkout\n')
    result = spawnSync('flock', again, { stdio: 'inherit' })
  }
  if (result.error) return setUp()
  process.exitCode = result.status ?? 1
}

if (process.argv.includes('--locked')) setUp()
else if (packagesMissing() || nodeMissing() || addonsMissing()) setUpAlone()
