// Tests over real RDMA verbs, on a machine that need not have any: `npm run test:rdma`, or `npm run test:rdma -- links`
// for the files of suite/ whose name holds a word. Boots a guest whose kernel makes RDMA devices in software, and runs the
// suite in it, as this checkout is. --two-hosts: two guests, one cable. --run 'COMMAND': something else, in one guest.
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { installPackages, missingPackages } from '../../scripts/debian-packages.ts'
import { compiledSources } from './compiled.ts'
import { runGuest } from './guest.ts'
import { prepareImage } from './image.ts'
import { PACKAGES, reasonAgainst } from './machine.ts'
import { runTwoHosts } from './two-hosts.ts'

const GUEST = { cores: 2, memoryMib: 3072, limitMs: 20 * 60_000 }
/** Whatever waits for somebody who may be slow waits so many times as long in an emulated machine. */
const PATIENCE = 10

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'two-hosts': { type: 'boolean' },
    run: { type: 'string' },
    /** A machine that cannot run a guest is no failure. */
    'or-skip': { type: 'boolean' },
  },
})

// However this ends, what it has started and made ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function giveUp(reason: string): never {
  say(`rdma: skipped, for ${reason}`)
  process.exit(values['or-skip'] ? 0 : 1)
}

async function timed<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const startMs = performance.now()
  const result = await work()
  say(`rdma: ${what}, ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  return result
}

function suites(words: readonly string[]): string {
  const quoted = words.map((word) => `'${word.replaceAll("'", '')}'`).join(' ')
  return `export RFAAS_TEST_PATIENCE=${PATIENCE}\nexec node test/rdma/inside.js ${quoted}`
}

/** Runs a command in a guest; whether it went well. */
async function inGuest(command: string, hear: (line: string) => void): Promise<boolean> {
  let counts = ''
  const { exitCode, bootMs, reason } = await runGuest(image, {
    ...GUEST,
    ...checkout,
    command,
    say: (line) => {
      // How many tests did what, as the runner in there says it.
      if (/^\d+ passed, /.test(line)) counts = `${line}; `
      hear(line)
    },
  })
  hear(
    exitCode === null ? `rdma: ${reason}` : `rdma: ${counts}the guest had booted after ${(bootMs / 1000).toFixed(1)} s`,
  )
  return exitCode === 0
}

/** All suites, then what a hot invocation takes, in a guest that nothing has run in. */
async function everything(): Promise<boolean> {
  const passed = await inGuest(suites([]), say)
  return (await inGuest('exec node test/rdma/latency.js', say)) && passed
}

const against = reasonAgainst()
if (against !== null) giveUp(against)
if (missingPackages(PACKAGES).length > 0) {
  const failed = await timed(`installed ${missingPackages(PACKAGES).join(', ')}`, () => installPackages(PACKAGES))
  if (failed !== null) giveUp(failed)
}
// The floors are C, and the guest's files cannot be written to.
execFileSync('make', ['--silent', '-C', `${root}/bench/native`])
const image = await timed('kernel and first files of the guest', () => prepareImage(say))
using compiled = await timed('compiled the sources', () => compiledSources(root))
const checkout = { checkout: root, compiled: compiled.path }
let ok: boolean
if (values['two-hosts']) ok = (await runTwoHosts(image, checkout, say)) === 0
else if (values.run !== undefined) ok = await inGuest(values.run, say)
else if (positionals.length > 0) ok = await inGuest(suites(positionals), say)
else ok = await everything()
say(`rdma: all in all, ${(performance.now() / 1000).toFixed(0)} s`)
process.exitCode = ok ? 0 : 1
