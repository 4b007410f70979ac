import { median } from '../harness/rounds.ts'
import { microseconds, table } from '../harness/table.ts'
import type { Peer } from './catalog.ts'
import type { Placement } from './placement.ts'
import type { PeerResults } from './results.ts'

const PLACEMENT_LABEL: Readonly<Record<Placement, string>> = { oneCore: 'one core', twoCores: 'two cores' }

/** Table of one payload: every peer in every placement, and its ratio to rfaas. */
export function peerTable(results: PeerResults, peers: readonly Peer[], payloadBytes: number, label: string): string {
  const { placements } = results
  const head = [
    label,
    ...placements.flatMap((placement) => [`${PLACEMENT_LABEL[placement]}: µs`, 'p99', 'calls/s']),
    '× µs',
    '× calls/s',
  ]
  const rows = peers.map(({ name, label }) => [
    label,
    ...placements.flatMap((placement) => {
      const { distribution, values } = results.of(name, placement, payloadBytes)
      const perSecond = Math.round(median(values.callsPerS!)).toLocaleString('en-US')
      return [microseconds(distribution.p50Ns), microseconds(distribution.p99Ns), perSecond]
    }),
    times(results.latencyNs(name, payloadBytes) / results.latencyNs('rfaas', payloadBytes)),
    times(results.callsPerS('rfaas', payloadBytes) / results.callsPerS(name, payloadBytes)),
  ])
  return table([head, ...rows])
}

function times(ratio: number): string {
  return ratio.toFixed(ratio < 10 ? 2 : 0)
}
