// Runs the tests that everybody runs: `npm test`; with `--long` those that take minutes, with `--all` both. `npm test --
// lease fabric` runs the files of both whose path holds one of these words. Those of test/rdma run in a guest: `npm run
// test:rdma`.
// `--name PATTERN` runs only the tests of that name. `--idle-ms N` ends a file in which no test begins or ends for N
// milliseconds. `--retry` runs the files in which something failed once more, alone, and says which passed then: for
// machines whose processors are shared with others, where a test that measures can meet a bad moment.
import { globSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { watchForHangs } from './hangs.ts'
import { watchForLeftovers } from './leftovers.ts'
import { report } from './report.ts'
import { Tally } from './tally.ts'

interface Group {
  readonly patterns: string[]
  readonly except?: string[]
  readonly concurrency: number
  /** Limit for one test that sets none of its own. */
  readonly timeoutMs: number
  /** Limit for the time in which no test of a file begins or ends. */
  readonly idleMs: number
}

const UNITS = ['packages/*/{src,bin}/**', 'examples/**', 'bench/**', 'scripts'].map((folder) => `${folder}/*.test.ts`)
/** Long tests that stand beside what they test, not in test/long. */
const LONG_UNITS = [
  'bench/src/benches/sebs.test.ts',
  'bench/src/trials/{peer,trials,pool-calls,web-server}.test.ts',
  'examples/web-server/web-server.test.ts',
  'examples/{thumbnailer,image-recognition}/*.test.ts',
  'scripts/test.test.ts',
]
/** These tests measure, or wait for a pool, which is filled with what processors have left: nothing may run beside them. */
const MEASURING = ['accounting', 'defects', 'one-core', 'pool', 'resources'].map((name) => `test/${name}.test.ts`)
const LONG_MEASURING = [
  'bench/src/trials/trials.test.ts',
  ...['event-loop', 'full-machine', 'main-job', 'wake-up'].map((name) => `test/long/${name}.test.ts`),
]

const UNIT_LIMITS = { timeoutMs: 60_000, idleMs: 90_000 }
/** For tests that start and kill processes. */
const SYSTEM_LIMITS = { timeoutMs: 120_000, idleMs: 300_000 }

/** What everybody runs before a commit: `npm test`. */
const SHORT: Group[] = [
  { patterns: UNITS, except: LONG_UNITS, concurrency: 3, ...UNIT_LIMITS },
  { patterns: ['test/**/*.test.ts'], except: ['test/long/**', ...MEASURING], concurrency: 4, ...SYSTEM_LIMITS },
  { patterns: MEASURING, concurrency: 2, ...SYSTEM_LIMITS },
]
/** What takes minutes: `npm run test:all`. */
const LONG: Group[] = [
  { patterns: ['test/long/*.test.ts', ...LONG_UNITS], except: LONG_MEASURING, concurrency: 3, ...SYSTEM_LIMITS },
  { patterns: LONG_MEASURING, concurrency: 1, ...SYSTEM_LIMITS },
]

/** More failed files than this are no chance, and are not retried. */
const RETRIED_FILES_MAX = 3
/** So many of the slowest files are named at the end. */
const SLOWEST_SHOWN = 10
/** Retries run one at a time, with the longest limits. */
const RETRY = LONG.at(-1)!

const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'long': { type: 'boolean' },
    'all': { type: 'boolean' },
    'name': { type: 'string' },
    'idle-ms': { type: 'string' },
    'retry': { type: 'boolean' },
  }, // prettier-ignore
})

function filesOf(group: Group): string[] {
  const { patterns, except = [] } = group
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**', 'test/rdma/**', ...except] })
    .filter((file) => positionals.length === 0 || positionals.some((word) => file.includes(word)))
    .sort()
    .map((file) => join(root, file))
}

async function runGroup({ concurrency, timeoutMs, idleMs }: Group, files: string[], tally: Tally): Promise<void> {
  const events = run({
    files,
    concurrency,
    timeout: timeoutMs,
    cwd: root,
    ...(values.name === undefined ? {} : { testNamePatterns: [values.name] }),
  })
  const hangs = watchForHangs(events, Number(values['idle-ms'] ?? idleMs))
  await report(events, tally)
  hangs.close()
}

/** @returns a sentence for each file that passed at last, with what had failed in it */
async function retry(tally: Tally): Promise<string[]> {
  const files = tally.failedFiles
  if (files.length > RETRIED_FILES_MAX) return []
  const sentences: string[] = []
  for (const file of files) {
    const failures = tally.problemsOf(file)
    tally.forget(file)
    console.log(`\nOnce more: ${relative(root, file)}`)
    await runGroup(RETRY, [file], tally)
    if (tally.problemsOf(file).length > 0) continue
    sentences.push(`${relative(root, file)} passed only at its second try; at the first:\n${failures.join('\n')}`)
  }
  return sentences
}

// Hundreds of processes run the same sources. The cache has them without types, and compiled, once for all. It would
// blur coverage.
if (process.env.NODE_V8_COVERAGE === undefined) {
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules/.cache/rfaas-compiled')
}
const leftovers = watchForLeftovers(root.slice(0, -1))
const tally = new Tally(root)
const groups = values.all || positionals.length > 0 ? [...SHORT, ...LONG] : values.long ? LONG : SHORT
for (const group of groups) {
  const files = filesOf(group)
  if (files.length > 0) await runGroup(group, files, tally)
}
const passedLate = values.retry ? await retry(tally) : []
for (const sentence of await leftovers()) tally.fail(sentence)
if (tally.total === 0) {
  const asked = positionals.length === 0 ? '' : `; no test file's path holds ${positionals.join(' or ')}`
  tally.fail(`No test ran${asked}`)
}
for (const sentence of passedLate) console.log(`\n! ${sentence}`)
for (const problem of tally.problems) console.log(`\n✖ ${problem}`)
if (tally.filesTimed > 5 * SLOWEST_SHOWN) console.log(`\nSlowest files:\n${tally.slowest(SLOWEST_SHOWN).join('\n')}`)
console.log(`\n${tally.line}`)
process.exitCode = tally.failed === 0 ? 0 : 1
