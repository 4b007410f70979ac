import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { runQuotedFirst } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { microseconds } from '../harness/table.ts'
import { nativeTrial } from '../harness/trial.ts'
import { availablePeers } from '../peers/available.ts'
import type { Peer } from '../peers/catalog.ts'
import { QUOTED_BYTES, ratios } from '../peers/ratios.ts'
import type { Effort } from '../peers/effort.ts'
import { peerTrial, placements } from '../peers/placement.ts'
import type { Placement } from '../peers/placement.ts'
import { peerTable } from '../peers/table.ts'
import { PeerResults, seriesName } from '../peers/results.ts'

const OUTSTANDING = 32
/** More trips than any trial makes in its time. */
const TRIPS_MAX = 4_000_000

/**
 * Measures the way between two cores, in the same rounds. A virtual machine's cores may be near each other or far
 * apart, and this changes over time; it affects peers that poll, not peers that sleep.
 */
const CACHE_LINE: Series = {
  name: 'cacheLineC',
  label: 'C: one cache line',
  trial: nativeTrial('cacheline', 64, 100_000, 30_000),
}

interface Payload {
  bytes: number
  label: string
  full: Time
  /** null: not part of a quick run. */
  quick: Time | null
}
type Time = Pick<Effort, 'warmupMs' | 'budgetMs'>

/** The payload whose ratios are quoted gets most of the time, because the slowest peers take a second to warm up. */
const PAYLOADS: readonly Payload[] = [
  { bytes: 64, label: '64 B', full: { warmupMs: 1000, budgetMs: 400 }, quick: { warmupMs: 150, budgetMs: 50 } },
  { bytes: 4 << 10, label: '4 KiB', full: { warmupMs: 300, budgetMs: 200 }, quick: null },
  { bytes: 256 << 10, label: '256 KiB', full: { warmupMs: 300, budgetMs: 200 }, quick: { warmupMs: 50, budgetMs: 20 } },
  { bytes: 5 << 20, label: '5 MiB', full: { warmupMs: 300, budgetMs: 200 }, quick: null },
]

function payloadsOf(quick: boolean): Payload[] {
  return PAYLOADS.filter((payload) => !quick || payload.quick !== null)
}

function seriesOf(peers: readonly Peer[], where: readonly Placement[], quick: boolean): Series[] {
  return payloadsOf(quick).flatMap(({ bytes, label, full, quick: short }) =>
    peers.flatMap((peer) =>
      where.map((placement) => ({
        name: seriesName(peer.name, placement, bytes),
        label: `${peer.label}, ${label}, ${placement === 'oneCore' ? 'one core' : 'two cores'}`,
        trial: peerTrial(peer, placement, bytes, OUTSTANDING, { trips: TRIPS_MAX, ...(quick ? short! : full) }),
      })),
    ),
  )
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const quotedRounds = quick ? 1 : 3
  const { peers, leftOut } = await availablePeers(progress)
  const where = placements()
  const all = [CACHE_LINE, ...seriesOf(peers, where, quick)]
  const quoted = [
    CACHE_LINE.name,
    ...peers.flatMap(({ name }) => where.map((at) => seriesName(name, at, QUOTED_BYTES))),
  ]
  const [cacheLine, ...series] = await runQuotedFirst(all, quoted, { quotedRounds, rounds: 1 }, progress)
  const results = new PeerResults(series, where)
  return {
    rounds: quotedRounds,
    series: [cacheLine!, ...series],
    table: payloadsOf(quick)
      .map(({ bytes, label }) => peerTable(results, peers, bytes, label))
      .join('\n\n'),
    summary: ratios(results, peers),
    notes: [
      ...leftOut.map((sentence) => `Left out: ${sentence}`),
      `64 B, which is quoted, was taken in ${quotedRounds} rounds, the rest in 1.`,
      `µs of one call, median and p99, and calls/s with ${OUTSTANDING} under way; client and server on one core, and on two.`,
      '× divides the best round of the better placement by the best round of rfaas, in place; for calls/s, rfaas ÷ the other.',
      `${byRounds('One cache line to the other core and back, in C', cacheLine!)}; what polls follows it.`,
      `${byRounds('rfaas, in place, 64 B', results.of('rfaas', where.at(-1)!, QUOTED_BYTES))}.`,
      'A call is timed from writing a number into the input until that number is read from the reply.',
    ],
  }
}

function byRounds(what: string, { roundP50Ns }: SeriesResult): string {
  return `${what}: ${roundP50Ns.map(microseconds).join(', ')} µs by rounds`
}

export const peers: Bench = { name: 'peers', question: 'How much faster is a call than what is used today?', run }
