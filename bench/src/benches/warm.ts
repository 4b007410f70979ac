import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { placed, placements } from '../harness/placement.ts'
import { median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial, runTrial } from '../harness/trial.ts'
import type { TrialResult } from '../harness/trial.ts'

/** Bar for the processor time of a sleeping worker, which wakes up once a second. */
const IDLE_CPU_US_PER_S_MAX = 1000
/** Least share of trips that must have met a sleeping worker; a few may find it still falling asleep. */
const SLEEPS_PER_TRIP_MIN = 0.98

function seriesOf(quick: boolean): Series[] {
  const effort = quick ? [300, 100] : [2_000, 500]
  const series = (name: string, what: string, trial: string, ...args: string[]): Series[] =>
    placements().map(({ suffix, label, client, worker }) => ({
      name: name + suffix,
      label: `${what}, ${label}`,
      trial: placed(nodeTrial(trial, ...args, worker, ...effort), client),
    }))
  return [
    ...series('atomicsSleep', 'Atomics.wait and notify, both sleep', 'atomics', 'sleep'),
    ...series('warmAwait', 'rfaas: warm no-op, awaited', 'warm', 'local', 'await'),
    ...series('atomicsSpin', 'Atomics.wait and notify, the client spins', 'atomics', 'spin'),
    ...series('warmSync', 'rfaas: warm no-op, invokeSync', 'warm', 'local', 'sync'),
    ...series('warmTcp', 'rfaas: warm no-op, invokeSync, tcp', 'warm', 'tcp', 'sync'),
  ]
}

type Find = (name: string) => SeriesResult

/** Ratios of a call for which the client spins, and of one for which it sleeps, to the same pattern with Atomics. */
function ratiosOf(of: Find, suffix: string): { sync: number; awaited: number } {
  const ratio = (over: string, under: string): number =>
    ratioOverRounds(of(over + suffix).roundP50Ns, of(under + suffix).roundP50Ns)
  return { sync: ratio('warmSync', 'atomicsSpin'), awaited: ratio('warmAwait', 'atomicsSleep') }
}

function latencies(of: Find): Summary[] {
  const all = placements().map(({ suffix }) => ({ suffix, ...ratiosOf(of, suffix) }))
  return [
    {
      name: 'warmLocalOverAtomics',
      what: 'invokeSync ÷ Atomics, the client spins, the larger of the placements',
      value: Math.max(...all.map(({ sync }) => sync)),
      atMost: 3,
    },
    ...all.flatMap(({ suffix, ...ratios }) => [
      { name: `warmSyncOverAtomics${suffix}`, what: 'invokeSync ÷ Atomics, the client spins', value: ratios.sync },
      { name: `warmAwaitOverAtomics${suffix}`, what: 'awaited ÷ Atomics, both sleep', value: ratios.awaited },
      { name: `warmTcp${suffix}Us`, what: 'tcp, median in µs', value: medianUs(of(`warmTcp${suffix}`)) },
    ]),
  ]
}

function medianUs({ roundP50Ns }: SeriesResult): number {
  return median(roundP50Ns) / 1000
}

function idles(asleep: { local: TrialResult; tcp: TrialResult; hot: TrialResult }, seconds: number): Summary[] {
  const { local, tcp, hot } = asleep
  const what = `µs of CPU a second, over ${seconds} s:`
  const atMost = IDLE_CPU_US_PER_S_MAX
  return [
    { name: 'idleCpuUsPerS', what: `${what} a warm worker, local`, value: local.values['workerCpuUsPerS']!, atMost },
    { name: 'idleSleepsPerS', what: '… how often it falls asleep', value: local.values['workerSleepsPerS']! },
    { name: 'idleExecutorCpuUsPerS', what: '… its whole executor', value: local.values['executorCpuUsPerS']! },
    { name: 'idleTcpCpuUsPerS', what: `${what} a warm worker, tcp`, value: tcp.values['workerCpuUsPerS']!, atMost },
    { name: 'hotCpuUsPerS', what: `${what} a hot worker, beside them`, value: hot.values['workerCpuUsPerS']! },
  ]
}

function checkSleeps(results: readonly SeriesResult[]): void {
  for (const { label, values } of results) {
    const least = Math.min(...values['sleepsPerTrip']!)
    if (least < SLEEPS_PER_TRIP_MIN) throw new Error(`Not every trip met a sleeper: ${label}, ${least} sleeps a trip`)
  }
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 2 : 5
  const seconds = quick ? 1 : 10
  const results = await runRounds(seriesOf(quick), rounds, progress)
  checkSleeps(results)
  progress(`${seconds} seconds in which nobody calls`)
  const idle = (fabric: string, hotTimeoutMs: string): Promise<TrialResult> =>
    runTrial(nodeTrial('idle', fabric, hotTimeoutMs, seconds))
  const [local, tcp, hot] = await Promise.all([idle('local', 'never'), idle('tcp', 'never'), idle('local', 'always')])
  return {
    rounds,
    series: results,
    summary: [
      ...latencies((name) => results.find((result) => result.name === name)!),
      ...idles({ local, tcp, hot }, seconds),
    ],
    notes: [
      'Before each trip the client sleeps for 0.3 ms, and whoever answers has fallen asleep; the bench counts that it did.',
      '64 B each way. Ratios are of medians, within each round, and the median of that over the rounds.',
    ],
  }
}

export const warm: Bench = {
  name: 'warm',
  question: 'What does a call to a sleeping worker take, and what does the sleeping worker?',
  run,
}
