import type { SeriesResult } from '../harness/rounds.ts'
import type { Placement } from './placement.ts'

/** Key of a series in JSON: `grpcTwoCores64`. */
export function seriesName(peer: string, placement: Placement, payloadBytes: number): string {
  return `${peer}${placement === 'oneCore' ? 'OneCore' : 'TwoCores'}${payloadBytes}`
}

/** Results of all rounds, by peer, placement and payload. */
export class PeerResults {
  readonly placements: readonly Placement[]
  readonly #series: Map<string, SeriesResult>

  constructor(series: readonly SeriesResult[], placements: readonly Placement[]) {
    this.placements = placements
    this.#series = new Map(series.map((result) => [result.name, result]))
  }

  of(peer: string, placement: Placement, payloadBytes: number): SeriesResult {
    const result = this.#series.get(seriesName(peer, placement, payloadBytes))
    if (result === undefined) throw new Error(`There is no series ${seriesName(peer, placement, payloadBytes)}`)
    return result
  }

  /** Median of one call, in the peer's better placement and its best round. */
  latencyNs(peer: string, payloadBytes: number): number {
    return Math.min(...this.placements.flatMap((placement) => this.of(peer, placement, payloadBytes).roundP50Ns))
  }

  /** Calls per second, in the peer's better placement and its best round. */
  callsPerS(peer: string, payloadBytes: number): number {
    return Math.max(...this.placements.flatMap((placement) => this.of(peer, placement, payloadBytes).values.callsPerS!))
  }
}
