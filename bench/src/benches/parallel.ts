import os from 'node:os'
import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

const CORES = os.availableParallelism()

/** 1, 2, 4 … and all cores. */
function workerCounts(): number[] {
  const counts = [1]
  for (let count = 2; count < CORES; count *= 2) counts.push(count)
  return CORES > 1 ? [...counts, CORES] : counts
}

function seriesOf(quick: boolean): Series[] {
  const measureMs = quick ? 200 : 700
  const series = (name: string, label: string, line: string, workers: number): Series => ({
    name: `${line}${workers}`,
    label: `${label}, ${name}`,
    at: { line, x: workers },
    trial: nodeTrial('parallel', line, workers, measureMs),
  })
  const counts = quick ? [1, CORES] : workerCounts()
  const lines = [
    ['compute', 'computes'],
    ['noop', 'no-op'],
  ] as const
  return [
    series('no worker: a loop in the client', 'computes', 'compute', 0),
    ...lines.flatMap(([line, label]) =>
      [...new Set(counts)].map((workers) =>
        series(`${workers} ${workers === 1 ? 'worker' : 'workers'}`, label, line, workers),
      ),
    ),
  ]
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 2 : 5
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const rates = (line: string, workers: number): number[] =>
    callsPerSecond(results.find(({ at }) => at?.line === line && at.x === workers)!)
  return {
    rounds,
    series: results,
    summary: [
      {
        name: 'parallelEfficiency',
        what: `a function of tens of µs on all ${CORES} cores ÷ ${CORES} × one worker: calls/s`,
        value: ratioOverRounds(rates('compute', CORES), rates('compute', 1)) / CORES,
      },
      {
        name: 'parallelOverAlone',
        what: `the same on all ${CORES} cores ÷ a loop in the client: calls/s`,
        value: ratioOverRounds(rates('compute', CORES), rates('compute', 0)),
      },
      {
        name: 'oneWorkerOverAlone',
        what: 'the same on one worker ÷ a loop in the client: calls/s',
        value: ratioOverRounds(rates('compute', 1), rates('compute', 0)),
      },
      {
        name: 'noopScaling',
        what: `a no-op on all ${CORES} cores ÷ on one worker: calls/s; the one client bounds it`,
        value: ratioOverRounds(rates('noop', CORES), rates('noop', 1)),
      },
      {
        name: 'computeUs',
        what: 'how long the function computes, µs',
        value: 1e6 / median(rates('compute', 0)),
      },
    ],
    notes: [
      'Four invocations in flight per worker, in place, from one client with one thread.',
      'The client needs a core too: with as many workers as cores, one of them shares its core with the client.',
    ],
  }
}

function callsPerSecond({ values }: SeriesResult): number[] {
  return values.callsPerSecond!
}

export const parallel: Bench = { name: 'parallel', question: 'What do more workers bring?', run }
