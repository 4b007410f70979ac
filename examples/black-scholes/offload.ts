import { RfaasError, type Lease, type Slot } from 'rfaas'
import { IN_FLIGHT_PER_WORKER } from './chunks.ts'
import { priceHere, WARM_UP_OPTIONS } from './here.ts'
import type * as Functions from './pricing.ts'
import { PRICE_BYTES, ROW_BYTES, type Portfolio } from './rows.ts'

/** Most warm-up invocations of a worker: the time of small chunks goes into the transfer, not into the function. */
const WARM_UP_INVOCATIONS_MAX = 200

/** One pricing of the portfolio with the help of leased workers. */
export interface Shared {
  elapsedMs: number
  /** Options that each lease priced, in the order of the leases. */
  byLease: number[]
  /** Options that this thread priced. */
  here: number
}

export interface Participants {
  leases: number
  here: boolean
}

interface Lane {
  lease: Lease<typeof Functions>
  leaseIndex: number
  slot: Slot
}

/** Prices a portfolio on the workers of leases, whose memory it reserves once. */
export class Offload implements Disposable {
  readonly #portfolio: Portfolio
  readonly #input: Uint8Array
  readonly #chunkOptions: number
  readonly #leases: readonly Lease<typeof Functions>[]
  readonly #lanes: Lane[] = []

  /** @param chunkOptions options of one invocation; no more than the portfolio has */
  constructor(portfolio: Portfolio, leases: readonly Lease<typeof Functions>[], chunkOptions: number) {
    const { rows, count } = portfolio
    this.#portfolio = portfolio
    this.#input = new Uint8Array(rows.buffer, rows.byteOffset, count * ROW_BYTES)
    this.#chunkOptions = chunkOptions
    this.#leases = leases
    for (const [leaseIndex, lease] of leases.entries()) {
      for (let lane = 0; lane < lease.cores * IN_FLIGHT_PER_WORKER; lane++) {
        const slot = lease.reserve(this.#chunkOptions * ROW_BYTES, lane % lease.cores)
        this.#lanes.push({ lease, leaseIndex, slot })
      }
    }
  }

  /** Lets each worker's engine compile the function, as ours has done. */
  async warmUp(signal: AbortSignal): Promise<void> {
    const times = Math.min(WARM_UP_INVOCATIONS_MAX, Math.ceil(WARM_UP_OPTIONS / this.#chunkOptions))
    const warmUp = async ({ lease, slot }: Lane): Promise<void> => {
      slot.input.set(this.#input.subarray(0, slot.input.byteLength))
      for (let time = 0; time < times; time++) {
        signal.throwIfAborted()
        await lease.invoke('priceRows', slot)
      }
    }
    await Promise.all(this.#lanes.map(warmUp))
  }

  /**
   * Prices all options, each to its place in `prices`. Whoever is free takes the next chunk, so that a fast worker does
   * more.
   *
   * @param by who takes part: so many of the leases, in their order, and this thread, too, or not
   * @param signal ends it within a chunk; its reason is thrown
   * @throws {RfaasError} what the invocations throw
   */
  async price(prices: Float64Array, by: Participants, signal: AbortSignal): Promise<Shared> {
    const { count } = this.#portfolio
    const output = new Uint8Array(prices.buffer, prices.byteOffset, prices.byteLength)
    const byLease = this.#leases.map(() => 0)
    let next = 0
    let here = 0
    /** The first option of the next chunk; then that chunk is taken. */
    const take = (): number => {
      const first = next
      next += this.#chunkOptions
      return first
    }
    const feed = async ({ lease, leaseIndex, slot }: Lane): Promise<void> => {
      for (let first = take(); first < count; first = take()) {
        signal.throwIfAborted()
        const options = Math.min(this.#chunkOptions, count - first)
        slot.input.set(this.#input.subarray(first * ROW_BYTES, (first + options) * ROW_BYTES))
        const result = await lease.invoke('priceRows', slot, options * ROW_BYTES)
        if (result.byteLength !== options * PRICE_BYTES) {
          const which = `options ${first + 1} to ${first + options}`
          throw new RfaasError('internal', `Cannot price ${which}: ${result.byteLength} bytes came back`)
        }
        output.set(result, first * PRICE_BYTES)
        byLease[leaseIndex]! += options
      }
    }
    const priceSome = async (): Promise<void> => {
      for (let first = take(); first < count; first = take()) {
        const end = Math.min(first + this.#chunkOptions, count)
        await priceHere(this.#portfolio, prices, first, end, signal)
        here += end - first
      }
    }
    const startMs = performance.now()
    const lanes = this.#lanes.filter(({ leaseIndex }) => leaseIndex < by.leases)
    await Promise.all([...lanes.map(feed), ...(by.here ? [priceSome()] : [])])
    return { elapsedMs: performance.now() - startMs, byLease, here }
  }

  [Symbol.dispose](): void {
    for (const { slot } of this.#lanes) slot[Symbol.dispose]()
  }
}
