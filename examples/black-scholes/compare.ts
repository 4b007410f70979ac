import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lease } from 'rfaas'
import { assertPassed, checkPrices, worstOf, type Check } from './checks.ts'
import type { Chunks } from './chunks.ts'
import { median } from '../shared/median.ts'
import { priceAlone } from './here.ts'
import { Offload } from './offload.ts'
import type * as Functions from './pricing.ts'
import type { Speed, Speedup, Way } from './result.ts'
import type { Portfolio } from './rows.ts'

/** Each way takes its turn as often, so that what else the machine does meets all of them. */
const ROUNDS_MIN = 3
const ROUNDS_MAX = 9
/** Enough rounds that this thread alone works about as long. */
const ALONE_MS = 800

/**
 * Longer than a worker polls after its last invocation: a worker that polls takes the processor from what is measured
 * next.
 */
const COOL_MS = 50

/** What is priced, and what is known of it. */
export interface Work {
  portfolio: Portfolio
  /** What one option costs this thread. */
  msPerOption: number
  /** How the portfolio is shared out among all workers. */
  chunks: Chunks
}

export interface Compared {
  speeds: Record<Way, Speed>
  /** Null where the portfolio is too small to be worth sharing out. */
  speedup: Speedup | null
  /** The smallest portfolio that is worth sharing out, in options. */
  worthwhileOptions: number
  /** Workers that take part beside this thread: no more than leave it a processor. */
  workersBeside: number
  /** Options that each lease priced, in the order of the leases, over all rounds. */
  byLease: number[]
  /** The largest deviation of any pricing. */
  checks: Check[]
}

/**
 * Prices the portfolio in three ways: in this thread alone, on the leased workers, and on both, with no more threads than
 * processors. Checks every price of each.
 *
 * @param signal ends it within a chunk; its reason is thrown
 * @param onProgress called with the part that is done, up to 1
 * @throws {RfaasError} what the invocations throw; `internal` when a price is wrong
 */
export async function comparePricing(
  { portfolio, msPerOption, chunks }: Work,
  leases: readonly Lease<typeof Functions>[],
  signal: AbortSignal,
  onProgress: (part: number) => void,
): Promise<Compared> {
  const isWorthwhile = portfolio.count >= chunks.worthwhileOptions
  const aloneMs = msPerOption * portfolio.count
  const rounds = isWorthwhile ? Math.max(ROUNDS_MIN, Math.min(ROUNDS_MAX, Math.round(ALONE_MS / aloneMs))) : 1
  const beside = leasesBeside(leases.map(({ cores }) => cores))
  const participants = { leased: { leases: leases.length, here: false }, both: { leases: beside, here: true } }
  const alonePrices = new Float64Array(portfolio.count)
  const prices = new Float64Array(portfolio.count)
  const byLease = leases.map(() => 0)
  const elapsedMs: Record<Way, number[]> = { alone: [], leased: [], both: [] }
  let checks: Check[] = []

  using offload = new Offload(portfolio, leases, chunks.options)
  await offload.warmUp(signal)
  for (let round = 0; round < rounds; round++) {
    await delay(COOL_MS, undefined, { signal })
    elapsedMs.alone.push(await priceAlone(portfolio, alonePrices, signal))
    for (const way of ['leased', 'both'] as const) {
      // Not a number until it is priced, so that a missing price is found.
      prices.fill(NaN)
      await delay(COOL_MS, undefined, { signal })
      const shared = await offload.price(prices, participants[way], signal)
      elapsedMs[way].push(shared.elapsedMs)
      shared.byLease.forEach((options, index) => (byLease[index]! += options))
      const found = checkPrices(portfolio, prices, alonePrices)
      assertPassed(found, portfolio, prices)
      checks = worstOf(checks, found)
    }
    onProgress((round + 1) / rounds)
  }
  const speed = (way: Way): Speed => {
    const ms = median(elapsedMs[way])
    return { elapsedMs: ms, optionsPerS: (portfolio.count * 1000) / ms }
  }
  /** Compared within each round, in which the machine is the same. */
  const against = (way: Way): number => median(elapsedMs[way].map((ms, round) => elapsedMs.alone[round]! / ms))
  return {
    speeds: { alone: speed('alone'), leased: speed('leased'), both: speed('both') },
    speedup: isWorthwhile ? { leased: against('leased'), both: against('both') } : null,
    worthwhileOptions: chunks.worthwhileOptions,
    workersBeside: leases.slice(0, beside).reduce((sum, { cores }) => sum + cores, 0),
    byLease,
    checks,
  }
}

/** How many of the leases, in their order, have workers that fit on this machine beside this thread; at least one. */
function leasesBeside(workers: readonly number[]): number {
  let free = availableParallelism() - 1
  const tooMany = workers.findIndex((count) => (free -= count) < 0)
  return tooMany === -1 ? workers.length : Math.max(1, tooMany)
}
