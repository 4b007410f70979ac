import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nativeTrial, nodeTrial } from '../harness/trial.ts'
import type { Trial } from '../harness/trial.ts'

const PAYLOAD_BYTES = 64

/** Trips of one trial. Trips over TCP take twenty times as long, so those trials get fewer. */
interface Effort {
  rounds: number
  fast: [trips: number, warmup: number]
  slow: [trips: number, warmup: number]
}

const FULL: Effort = { rounds: 7, fast: [200_000, 50_000], slow: [50_000, 20_000] }
const QUICK: Effort = { rounds: 3, fast: [50_000, 20_000], slow: [10_000, 5_000] }

function seriesOf({ fast, slow }: Effort): Series[] {
  const series = (name: string, label: string, trial: Trial): Series => ({ name, label, trial })
  const bytes = PAYLOAD_BYTES
  return [
    series('clockC', 'C: reading the clock', nativeTrial('clock', 0, ...fast)),
    series('clockNode', 'Node: reading the clock', nodeTrial('clock', ...fast)),
    series('cacheLineC', 'C: one cache line', nativeTrial('cacheline', bytes, ...fast)),
    series('hotLocal', 'rfaas: hot no-op, local', nodeTrial('hot', 'local', bytes, ...fast)),
    series('fabricLocal', '@rfaas/fabric alone, local', nodeTrial('fabric-pingpong', 'local', bytes, ...fast)),
    series('shmCopyC', 'C: shared memory, copied', nativeTrial('shm_copy', bytes, ...fast)),
    series('tcpC', 'C: TCP sockets', nativeTrial('tcp_spin', bytes, ...slow)),
    series('hotTcp', 'rfaas: hot no-op, tcp', nodeTrial('hot', 'tcp', bytes, ...slow)),
    series('fabricTcp', '@rfaas/fabric alone, tcp', nodeTrial('fabric-pingpong', 'tcp', bytes, ...slow)),
    series('ofiTcpC', 'C: libfabric tcp', nativeTrial('ofi_pingpong', bytes, ...slow, 'tcp')),
  ]
}

/** How `over` compares with `under`, by paired rounds and by the best round of each. */
function compare(name: string, over: SeriesResult, under: SeriesResult, atMost?: number): Summary[] {
  return [
    {
      name,
      what: `${over.label} ÷ ${under.label}`,
      value: ratioOverRounds(over.roundP50Ns, under.roundP50Ns),
      ...(atMost !== undefined && { atMost }),
    },
    {
      name: `${name}BestRound`,
      what: 'the same, best round of each',
      value: Math.min(...over.roundP50Ns) / Math.min(...under.roundP50Ns),
    },
  ]
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const effort = quick ? QUICK : FULL
  const results = await runRounds(seriesOf(effort), effort.rounds, progress)
  const of = (name: string): SeriesResult => results.find((result) => result.name === name)!
  return {
    rounds: effort.rounds,
    series: results,
    summary: [
      ...compare('hotLocalOverFloor', of('hotLocal'), of('cacheLineC'), 1.8),
      ...compare('hotTcpOverRaw', of('hotTcp'), of('tcpC'), 1.15),
      ...compare('fabricLocalOverFloor', of('fabricLocal'), of('cacheLineC')),
      ...compare('fabricTcpOverRaw', of('fabricTcp'), of('tcpC')),
      ...compare('hotTcpOverLibfabric', of('hotTcp'), of('ofiTcpC')),
    ],
    notes: [
      'Ratios are of medians, within each round, and the median of that over the rounds.',
      `Round trips of ${PAYLOAD_BYTES} B between two processes; both sides spin; every sample holds one reading of the clock.`,
    ],
  }
}

export const floor: Bench = {
  name: 'floor',
  question: 'How close is a hot call to what the machine can do at all?',
  run,
}
