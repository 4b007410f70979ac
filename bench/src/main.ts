import { parseArgs } from 'node:util'
import { RfaasError } from 'rfaas'
import { applications } from './benches/applications.ts'
import { asyncCalls } from './benches/async.ts'
import { background } from './benches/background.ts'
import { cold } from './benches/cold.ts'
import { control } from './benches/control.ts'
import { descriptors } from './benches/descriptors.ts'
import { floor } from './benches/floor.ts'
import { full } from './benches/full.ts'
import { hot } from './benches/hot.ts'
import { paper } from './benches/paper.ts'
import { parallel } from './benches/parallel.ts'
import { payload } from './benches/payload.ts'
import { peers } from './benches/peers.ts'
import { offload } from './benches/offload.ts'
import { placement } from './benches/placement.ts'
import { sebs } from './benches/sebs.ts'
import { spin } from './benches/spin.ts'
import { throughput } from './benches/throughput.ts'
import { warm } from './benches/warm.ts'
import type { Bench } from './harness/bench.ts'
import { buildNative } from './harness/native.ts'
import { json, recordOf, textReport } from './harness/report.ts'
import { runAll, runBench } from './results/all.ts'
import { writeDocuments } from './results/documents.ts'
import { QUICK_RESULTS, readResults, RESULTS, writeResults } from './results/files.ts'
import type { Results } from './results/files.ts'
import { renewFromFiles, withRecord, writePlots } from './results/keep.ts'

const BENCHES: readonly Bench[] = [
  floor, //
  hot,
  payload,
  throughput,
  parallel,
  offload,
  applications,
  paper,
  asyncCalls,
  spin,
  warm,
  full,
  cold,
  background,
  descriptors,
  placement,
  control,
  peers,
]

const USAGE = `usage: npm run bench -- NAME [--json] [--quick] [--keep]

${BENCHES.map(({ name, question }) => `  ${name.padEnd(12)}  ${question}`).join('\n')}

  all           every bench, one after another; keeps what they found in bench/results, with plots,
                and renews what the documents quote (with --quick only in bench/results/quick)
  tables        makes plots and tables once more from bench/results
  sebs          how long the functions of the serverless benchmark suite take; needs --from, and is not part of all

  --from DIR   for sebs: a clone of https://github.com/spcl/serverless-benchmarks
  --json       print one object; its \`summary\` holds the numbers that are quoted, by name
  --quick      fewer and shorter rounds: to see that it runs, not to quote
  --keep       puts the result of this one bench into the run in bench/results, and renews plots and documents
`

function usageError(sentence: string): never {
  process.stderr.write(`${sentence}\n\n${USAGE}`)
  process.exit(2)
}

function parseCommand() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        json: { type: 'boolean' },
        quick: { type: 'boolean' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    return usageError((error as Error).message)
  }
}

/** On a terminal, one line that is overwritten; elsewhere silent. */
function progressLine(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

function print(text: string): void {
  progressLine('')
  process.stdout.write(`${text}\n`)
}

async function runOne(bench: Bench, options: { quick: boolean; asJson: boolean; keep: boolean }): Promise<void> {
  const { quick, asJson, keep } = options
  await buildNative()
  const outcome = await runBench(bench, quick, progressLine)
  const record = recordOf(outcome)
  print(asJson ? json(record) : textReport(outcome))
  // The page shows this bench among the kept ones, also when it is not kept itself.
  if (bench.page && !asJson) print(`\n${bench.page(withRecord(readResults(RESULTS), record, outcome.seconds))}`)
  if (keep) {
    const folder = quick ? QUICK_RESULTS : RESULTS
    keepRun(folder, withRecord(readResults(folder), record, outcome.seconds), !quick)
    if (!asJson) print(`kept in ${folder}`)
  }
}

function keepRun(folder: string, results: Results, inDocuments: boolean): void {
  writeResults(folder, results)
  writePlots(folder, results)
  if (inDocuments) writeDocuments(results)
}

async function runSebs(from: string): Promise<void> {
  try {
    await runOne(sebs({ from }), { quick, asJson, keep: false })
  } catch (error) {
    if (error instanceof RfaasError && error.code === 'invalid_argument') usageError(error.sentence)
    throw error
  }
}

async function runEvery(quick: boolean, asJson: boolean): Promise<void> {
  await buildNative()
  const say = asJson ? () => {} : (text: string) => print(`${text}\n\n${'─'.repeat(100)}\n`)
  const results = await runAll(BENCHES, { quick, progress: progressLine, say })
  const folder = quick ? QUICK_RESULTS : RESULTS
  keepRun(folder, results, !quick)
  print(asJson ? json(results.combined) : `kept in ${folder}`)
  if (Object.keys(results.combined.failed).length > 0) process.exitCode = 1
}

const { values, positionals } = parseCommand()
if (values.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
if (positionals.length !== 1) usageError(`Name one bench, got ${positionals.join(' ') || 'none'}`)
const [name] = positionals
const { from, quick = false, json: asJson = false, keep = false } = values
if ((name === 'sebs') !== (from !== undefined)) usageError('Give --from DIR with sebs, and only with it')
if (keep && name === 'sebs') usageError('Cannot keep sebs: its functions are not in this repository')
if (name === 'all') await runEvery(quick, asJson)
else if (name === 'tables') renewFromFiles()
else if (name === 'sebs') await runSebs(from!)
else {
  const bench = BENCHES.find((one) => one.name === name) ?? usageError(`No such bench: ${name}`)
  await runOne(bench, { quick, asJson, keep })
}
