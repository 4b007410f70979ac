import { setImmediate as turn } from 'node:timers/promises'

/** Payload of a round trip, both ways. */
export const TRIP_BYTES = 64
/**
 * Both engines compile what they run. Also longer than a worker stays hot after its last invocation, so that no worker
 * of another lease polls during the measurement.
 */
const WARM_UP_MS = 150
/** The measurement ends with whichever comes first. */
const TRIPS_MAX = 500_000
const MEASURE_MS_MAX = 250
/** Longest time between two turns of the event loop, which may report the end of a process. */
const BATCH_MS_MAX = 10

/** The percentiles that describe a distribution: each further nine looks at a tenth of the trips. */
const PERCENTILES = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.5, 99.9, 99.99]

/** How long round trips took, made one at a time. */
export interface RoundTrips {
  bytes: number
  rounds: number
  medianNs: number
  p99Ns: number
  distribution: { percentile: number; ns: number }[]
}

/** Makes one round trip; `round` may go into the payload, so that it can be told whether the answer is to this trip. */
export type Trip = (round: number) => void | Promise<void>

/**
 * Measures round trips, each from the end of the one before, so that a round reads the clock once.
 *
 * @param signal ends it within a batch; its reason is thrown
 * @param onProgress called with the part that is done, up to 1
 * @throws what a trip throws
 */
export async function measureRoundTrips(
  trip: Trip,
  signal: AbortSignal,
  onProgress: (part: number) => void,
): Promise<RoundTrips> {
  const tripsNs = new Float64Array(TRIPS_MAX)
  for (const startMs = performance.now(); performance.now() - startMs < WARM_UP_MS; await turn()) {
    signal.throwIfAborted()
    await batch(trip, tripsNs)
  }
  const startMs = performance.now()
  let rounds = 0
  for (let part = 0; part < 1; await turn()) {
    signal.throwIfAborted()
    rounds += await batch(trip, tripsNs.subarray(rounds))
    part = Math.min(1, Math.max(rounds / TRIPS_MAX, (performance.now() - startMs) / MEASURE_MS_MAX))
    onProgress(part)
  }
  return describe(tripsNs.subarray(0, rounds))
}

/** Fills `tripsNs` from its beginning; returns the number of trips. */
async function batch(trip: Trip, tripsNs: Float64Array): Promise<number> {
  const startMs = performance.now()
  let lastMs = startMs
  let round = 0
  while (round < tripsNs.length && lastMs - startMs < BATCH_MS_MAX) {
    const answer = trip(round)
    if (answer !== undefined) await answer
    const nowMs = performance.now()
    tripsNs[round++] = (nowMs - lastMs) * 1e6
    lastMs = nowMs
  }
  return round
}

/** @param tripsNs at least one; is sorted in place */
export function describe(tripsNs: Float64Array): RoundTrips {
  tripsNs.sort()
  const nearestRank = (percentile: number): number =>
    tripsNs[Math.max(0, Math.ceil((percentile / 100) * tripsNs.length) - 1)]!
  return {
    bytes: TRIP_BYTES,
    rounds: tripsNs.length,
    medianNs: nearestRank(50),
    p99Ns: nearestRank(99),
    distribution: PERCENTILES.map((percentile) => ({ percentile, ns: nearestRank(percentile) })),
  }
}
