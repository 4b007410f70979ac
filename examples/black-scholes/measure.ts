import { setImmediate as turn } from 'node:timers/promises'
import { RfaasError, type Lease, type Slot } from 'rfaas'
import { percentile } from './percentile.ts'
import type * as Pricing from './pricing.ts'

/** Payload of the no-op, both ways. */
const NOOP_BYTES = 64
/**
 * Longer than a worker stays hot after its last invocation, so that no worker of another lease polls during the
 * measurement.
 */
const WARM_UP_MS = 50
/** The measurement ends with whichever comes first. */
const ROUNDS_MAX = 50_000
const MEASURE_MS_MAX = 800
/** Longest time between two turns of the event loop, which may report the end of a process. */
const BATCH_MS_MAX = 10

/** Round trips of a no-op to a hot worker, one at a time. */
export interface RoundTrips {
  bytes: number
  rounds: number
  medianNs: number
  p99Ns: number
}

/**
 * Measures what an invocation costs by itself.
 *
 * @param signal ends it within a batch; its reason is thrown
 * @param onProgress called with the part that is done, up to 1
 * @throws {RfaasError} what the invocation throws; `internal` when it brings back other bytes than it took
 */
export async function measureRoundTrips(
  lease: Lease<typeof Pricing>,
  signal: AbortSignal,
  onProgress: (part: number) => void,
): Promise<RoundTrips> {
  const tripsNs = new Float64Array(ROUNDS_MAX)
  using slot = lease.reserve(NOOP_BYTES)
  for (const startMs = performance.now(); performance.now() - startMs < WARM_UP_MS; await turn()) {
    signal.throwIfAborted()
    roundTrips(lease, slot, tripsNs)
  }
  const startMs = performance.now()
  let rounds = 0
  for (let part = 0; part < 1; await turn()) {
    signal.throwIfAborted()
    rounds += roundTrips(lease, slot, tripsNs.subarray(rounds))
    part = Math.min(1, Math.max(rounds / ROUNDS_MAX, (performance.now() - startMs) / MEASURE_MS_MAX))
    onProgress(part)
  }
  const measured = tripsNs.subarray(0, rounds)
  return { bytes: NOOP_BYTES, rounds, medianNs: percentile(measured, 0.5), p99Ns: percentile(measured, 0.99) }
}

/**
 * Runs one batch: fills `tripsNs` from its beginning, each trip from the end of the one before, so that a round reads
 * the clock once. Returns the number of rounds.
 */
function roundTrips(lease: Lease<typeof Pricing>, slot: Slot, tripsNs: Float64Array): number {
  const startMs = performance.now()
  let lastMs = startMs
  let round = 0
  while (round < tripsNs.length && lastMs - startMs < BATCH_MS_MAX) {
    slot.input[0] = round
    const result = lease.invokeSync('noop', slot, NOOP_BYTES)
    if (result.byteLength !== NOOP_BYTES || result[0] !== slot.input[0]) {
      throw new RfaasError('internal', `Cannot measure round trips: round ${round} did not bring back what it took`)
    }
    const nowMs = performance.now()
    tripsNs[round++] = (nowMs - lastMs) * 1e6
    lastMs = nowMs
  }
  return round
}
