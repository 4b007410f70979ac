import { RfaasError, type Lease } from 'rfaas'
import { WARM_UP_OPTIONS, type Priced } from './alone.ts'
import type * as Functions from './pricing.ts'
import { PRICE_BYTES, ROW_BYTES, type Portfolio } from './rows.ts'

/** Invocations in flight for each worker: one runs, one waits in the worker's memory, one's result is fetched. */
export const IN_FLIGHT_PER_WORKER = 3
/**
 * Options of one invocation, at most: large enough that the transfer costs little, small enough to spread the end
 * evenly.
 */
const CHUNK_OPTIONS_MAX = 8_192

/** Most warm-up invocations of a worker: the time of small chunks goes into the transfer, not into the function. */
const WARM_UP_INVOCATIONS_MAX = 200

/** Bytes of the largest input: what a lease for this needs as `payloadBytesMax`. */
export const CHUNK_BYTES_MAX: number = CHUNK_OPTIONS_MAX * ROW_BYTES

export interface Offloaded extends Priced {
  /** Options that each lease priced, over all passes, in the order of the leases. */
  optionsByLease: number[]
}

/**
 * Prices the portfolio on the workers of all leases. The next free slot takes the next chunk, so that a fast lease does
 * more; each result goes to its place.
 *
 * @param passes how often
 * @param signal ends it within a chunk; its reason is thrown
 * @param onPriced called with the number of options so far
 * @throws {RfaasError} what the invocations throw
 */
export async function priceOffloaded(
  portfolio: Portfolio,
  leases: readonly Lease<typeof Functions>[],
  passes: number,
  signal: AbortSignal,
  onPriced: (options: number) => void,
): Promise<Offloaded> {
  const { count, rows } = portfolio
  const input = new Uint8Array(rows.buffer, rows.byteOffset, count * ROW_BYTES)
  // NaN until it is priced, so that a missing price is found.
  const prices = new Float64Array(count).fill(NaN)
  const output = new Uint8Array(prices.buffer)
  const inFlight = leases.reduce((sum, lease) => sum + lease.cores * IN_FLIGHT_PER_WORKER, 0)
  const chunkOptions = Math.min(CHUNK_OPTIONS_MAX, Math.ceil(count / inFlight))
  const chunksPerPass = Math.ceil(count / chunkOptions)
  const optionsByLease = leases.map(() => 0)
  let next = 0
  let priced = 0

  // Each worker's engine compiles the function during its first uses, as ours did for the local run.
  const warmUp = async (lease: Lease<typeof Functions>, worker: number): Promise<void> => {
    using slot = lease.reserve(chunkOptions * ROW_BYTES, worker)
    slot.input.set(input.subarray(0, slot.input.byteLength))
    const times = Math.min(WARM_UP_INVOCATIONS_MAX, Math.ceil(WARM_UP_OPTIONS / chunkOptions))
    for (let time = 0; time < times; time++) {
      signal.throwIfAborted()
      await lease.invoke('priceRows', slot)
    }
  }
  const feed = async (lease: Lease<typeof Functions>, leaseIndex: number): Promise<void> => {
    using slot = lease.reserve(chunkOptions * ROW_BYTES)
    while (next < chunksPerPass * passes) {
      signal.throwIfAborted()
      const first = (next++ % chunksPerPass) * chunkOptions
      const options = Math.min(chunkOptions, count - first)
      slot.input.set(input.subarray(first * ROW_BYTES, (first + options) * ROW_BYTES))
      const result = await lease.invoke('priceRows', slot, options * ROW_BYTES)
      if (result.byteLength !== options * PRICE_BYTES) {
        throw new RfaasError(
          'internal',
          `Cannot price options ${first + 1} to ${first + options}: ${result.byteLength} bytes came back`,
        )
      }
      output.set(result, first * PRICE_BYTES)
      optionsByLease[leaseIndex]! += options
      onPriced((priced += options))
    }
  }

  await Promise.all(
    leases.flatMap((lease) => Array.from({ length: lease.cores }, (_, worker) => warmUp(lease, worker))),
  )
  const startMs = performance.now()
  await Promise.all(
    leases.flatMap((lease, index) =>
      Array.from({ length: lease.cores * IN_FLIGHT_PER_WORKER }, () => feed(lease, index)),
    ),
  )
  return { prices, elapsedMs: performance.now() - startMs, optionsByLease }
}
