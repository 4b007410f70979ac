import type { Bench, BenchReport, Summary } from '../harness/bench.ts'
import { ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nativeTrial, nodeTrial } from '../harness/trial.ts'

const PAYLOAD_BYTES = 64

/** Trips of one trial. Libfabric's take twenty times as long, so it gets fewer. */
interface Effort {
  rounds: number
  fast: [trips: number, warmup: number]
  slow: [trips: number, warmup: number]
}

const FULL: Effort = { rounds: 7, fast: [200_000, 50_000], slow: [50_000, 20_000] }
const QUICK: Effort = { rounds: 3, fast: [50_000, 20_000], slow: [10_000, 5_000] }

function seriesOf({ fast, slow }: Effort): Series[] {
  return [
    { name: 'clockC', label: 'C: reading the clock', trial: nativeTrial('clock', 0, ...fast) },
    { name: 'clockNode', label: 'Node: reading the clock', trial: nodeTrial('clock', ...fast) },
    { name: 'cacheLineC', label: 'C: one cache line', trial: nativeTrial('cacheline', PAYLOAD_BYTES, ...fast) },
    { name: 'hotLocal', label: 'rfaas: hot no-op, local', trial: nodeTrial('hot', 'local', PAYLOAD_BYTES, ...fast) },
    {
      name: 'fabricLocal',
      label: '@rfaas/fabric alone, local',
      trial: nodeTrial('fabric-pingpong', 'local', PAYLOAD_BYTES, ...fast),
    },
    { name: 'shmCopyC', label: 'C: shared memory, copied', trial: nativeTrial('shm_copy', PAYLOAD_BYTES, ...fast) },
    { name: 'tcpC', label: 'C: TCP sockets', trial: nativeTrial('tcp_spin', PAYLOAD_BYTES, ...slow) },
    { name: 'ofiTcpC', label: 'C: libfabric tcp', trial: nativeTrial('ofi_pingpong', PAYLOAD_BYTES, ...slow, 'tcp') },
    {
      name: 'hotTcp',
      label: 'rfaas: hot no-op, libfabric tcp',
      trial: nodeTrial('hot', 'tcp', PAYLOAD_BYTES, ...slow),
    },
    {
      name: 'fabricTcp',
      label: '@rfaas/fabric alone, libfabric tcp',
      trial: nodeTrial('fabric-pingpong', 'tcp', PAYLOAD_BYTES, ...slow),
    },
  ]
}

/** How `over` compares with `under`, by paired rounds and by the best round of each. */
function compare(
  results: readonly SeriesResult[],
  name: string,
  over: string,
  under: string,
  atMost?: number,
): Summary[] {
  const [a, b] = [over, under].map((key) => results.find((result) => result.name === key)!) as [
    SeriesResult,
    SeriesResult,
  ]
  const what = `${a.label} ÷ ${b.label}`
  const best = Math.min(...a.roundP50Ns) / Math.min(...b.roundP50Ns)
  return [
    {
      name,
      what: `${what}, medians, median over rounds`,
      value: ratioOverRounds(a.roundP50Ns, b.roundP50Ns),
      ...(atMost !== undefined && { atMost }),
    },
    { name: `${name}BestRound`, what: `the same with the best round of each`, value: best },
  ]
}

async function run(context: { quick: boolean; progress(what: string): void }): Promise<BenchReport> {
  const effort = context.quick ? QUICK : FULL
  const results = await runRounds(seriesOf(effort), effort.rounds, (round, label) =>
    context.progress(`round ${round + 1} of ${effort.rounds}: ${label}`),
  )
  return {
    rounds: effort.rounds,
    series: results,
    summary: [
      ...compare(results, 'hotLocalOverFloor', 'hotLocal', 'cacheLineC', 3),
      ...compare(results, 'hotTcpOverRaw', 'hotTcp', 'ofiTcpC', 1.5),
      ...compare(results, 'fabricLocalOverFloor', 'fabricLocal', 'cacheLineC'),
      ...compare(results, 'fabricTcpOverRaw', 'fabricTcp', 'ofiTcpC'),
    ],
    notes: [
      `Round trips of ${PAYLOAD_BYTES} B between two processes; both sides spin; every sample holds one reading of the clock.`,
    ],
  }
}

export const floor: Bench = {
  name: 'floor',
  question: 'How close is a hot call to what the machine can do at all?',
  run,
}
