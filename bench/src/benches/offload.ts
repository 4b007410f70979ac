import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

/** Compared series are adjacent, because the machine has slow spells of some seconds. */
const SERIES = [
  ['free', 'without offloading, on two cores', 'none'],
  ['local', 'rfaas, local, lease.call', 'local'],
  ['tcp', 'rfaas, tcp, lease.call', 'tcp'],
  ['socket', 'plain sockets that move the same bytes', 'socket'],
] as const

function seriesOf(quick: boolean): Series[] {
  const measureMs = quick ? 300 : 2000
  return SERIES.map(([name, label, fabric]) => ({ name, label, trial: nodeTrial('offload', fabric, measureMs) }))
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 2 : 7
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const values = (series: string, value: string): number[] =>
    results.find(({ name }) => name === series)!.values[value]!
  const overFree = (name: string, series: string, atLeast: number): Summary => ({
    name,
    what: `0.7 ms on two workers over ${series}, 393 KB in, 64 KB out ÷ what two cores do without offloading: calls/s`,
    value: ratioOverRounds(values(series, 'callsPerSecond'), values('free', 'callsPerSecond')),
    atLeast,
  })
  return {
    rounds,
    series: results,
    summary: [
      overFree('offloadLocalOverFree', 'local', 0.8),
      overFree('offloadTcpOverFree', 'tcp', 0.7),
      {
        name: 'offloadTcpCpuOverSocket',
        what: 'the same over tcp ÷ over plain sockets: processor time of the client a call',
        value: ratioOverRounds(values('tcp', 'cpuUsPerCall'), values('socket', 'cpuUsPerCall')),
        atMost: 1.5,
      },
      {
        name: 'offloadLocalCpuUs',
        what: 'processor time of the client a call, over local, µs',
        value: median(values('local', 'cpuUsPerCall')),
      },
      {
        name: 'offloadTcpCpuUs',
        what: 'the same over tcp, µs',
        value: median(values('tcp', 'cpuUsPerCall')),
      },
    ],
    notes: [
      'Three calls are under way for each of the two workers. The client has one thread, and shares the cores with them.',
      'Without offloading, a process on each core runs the function again and again, and moves nothing.',
      'Processor time counts from the first call on, with the code still cold. Plain sockets: node:net over loopback.',
    ],
  }
}

export const offload: Bench = {
  name: 'offload',
  question: 'What is left of two cores for functions with real payloads?',
  run,
}
