import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { differenceOverRounds, median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

/** Default `spinUs` of a lease. */
const SPIN_US = 20
const OUTSTANDING = 1000

function seriesOf(quick: boolean): Series[] {
  const trips = quick ? [30_000, 20_000] : [200_000, 50_000]
  const hold = (name: string, label: string, f: string, calls: number): Series => ({
    name,
    label,
    trial: nodeTrial('async-hold', f, calls, SPIN_US),
  })
  return [
    { name: 'invokeSync', label: 'invokeSync', trial: nodeTrial('async', 'sync', ...trips) },
    { name: 'invoke', label: 'await invoke, in place', trial: nodeTrial('async', 'invoke', ...trips) },
    { name: 'call', label: 'await lease.call', trial: nodeTrial('async', 'call', ...trips) },
    { name: 'typed', label: 'await lease.call({five numbers})', trial: nodeTrial('async', 'typed', ...trips) },
    { name: 'typedSync', label: 'lease.callSync({five numbers})', trial: nodeTrial('async', 'typedSync', ...trips) },
    {
      name: 'smallObject',
      label: 'encode and decode an object of five numbers',
      trial: nodeTrial('values', quick ? 2000 : 10_000),
    },
    hold('holdSlow', 'event loop held by a call that is slow', 'slow', quick ? 300 : 2000),
    hold('holdChain', 'event loop held by 10,000 hot calls, one after another', 'noop', quick ? 5 : 20),
    { name: 'waiting', label: `${OUTSTANDING} promises outstanding`, trial: nodeTrial('async-waiting', OUTSTANDING) },
    { name: 'idle', label: 'none outstanding', trial: nodeTrial('async-waiting', 0) },
  ]
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 1 : 7
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const of = (name: string): SeriesResult => results.find((result) => result.name === name)!
  const sync = of('invokeSync')
  const minusSync = (name: string, over: SeriesResult, atMost?: number): Summary => ({
    name,
    what: `${over.label} − invokeSync, medians, µs`,
    value: differenceOverRounds(over.roundP50Ns, sync.roundP50Ns) / 1000,
    ...(atMost !== undefined && { atMost }),
  })
  const cpuMs = (name: string): number[] => of(name).values.cpuMsPerSecond!
  return {
    rounds,
    series: results,
    summary: [
      minusSync('asyncMinusSyncUs', of('invoke'), 0.5),
      minusSync('asyncCallMinusSyncUs', of('call')),
      {
        name: 'smallObjectUs',
        what: 'encode and decode an object of five numbers, both, µs',
        value: median(of('smallObject').roundP50Ns) / 1000,
        atMost: 1,
      },
      {
        name: 'callOverSync',
        what: 'await lease.call with an object of five numbers ÷ invokeSync of 64 B, medians',
        value: ratioOverRounds(of('typed').roundP50Ns, sync.roundP50Ns),
        atMost: 3,
      },
      {
        name: 'callSyncOverSync',
        what: 'lease.callSync with an object of five numbers ÷ invokeSync of 64 B, medians',
        value: ratioOverRounds(of('typedSync').roundP50Ns, sync.roundP50Ns),
      },
      {
        name: 'holdOverSpin',
        what: `how long one call keeps the event loop, median ÷ spinUs (${SPIN_US})`,
        value: median(of('holdSlow').roundP50Ns) / 1000 / SPIN_US,
      },
      {
        name: 'holdChainUs',
        what: 'how long hot calls awaited one after another keep it, longest of 10,000, median, µs',
        value: median(of('holdChain').roundP50Ns) / 1000,
      },
      {
        name: 'waitingCpuMs',
        what: `processor time of a client with ${OUTSTANDING} promises outstanding, over a second, ms`,
        value: median(cpuMs('waiting')),
      },
      {
        name: 'waitingMinusIdleCpuMs',
        what: 'the same, without what it takes with none outstanding',
        value: differenceOverRounds(cpuMs('waiting'), cpuMs('idle')),
      },
    ],
    notes: [
      'A raw no-op of 64 B on a hot local worker; every await is in its sample.',
      `Held: from the call until the next callback on the event loop can run. The slow function takes 300 µs, spinUs is ${SPIN_US}.`,
      'The client of “outstanding” is at the same time the resource manager and the node.',
    ],
  }
}

export const asyncCalls: Bench = { name: 'async', question: 'What does await cost, and whom does it hold up?', run }
