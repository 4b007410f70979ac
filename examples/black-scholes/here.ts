import { setImmediate as turn } from 'node:timers/promises'
import { priceAll } from './black-scholes.ts'
import { ROW_NUMBERS, type Portfolio } from './rows.ts'

/**
 * Options between two turns of the event loop, about half a millisecond: results of workers wait no longer until their
 * slots are filled again.
 */
const BATCH_OPTIONS = 4_096
/** Options that each thread prices before a clock starts, so that the engine has compiled the function. */
export const WARM_UP_OPTIONS = 65_536

/** Prices the options `from` to before `to` in this thread, each to its place. */
export async function priceHere(
  { rows }: Portfolio,
  prices: Float64Array,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<void> {
  for (let option = from; option < to; option += BATCH_OPTIONS) {
    const end = Math.min(option + BATCH_OPTIONS, to)
    priceAll(rows.subarray(option * ROW_NUMBERS, end * ROW_NUMBERS), prices.subarray(option, end))
    await turn()
    signal.throwIfAborted()
  }
}

/** Prices all options in this thread, with nothing but the function itself. Returns how long it took, in ms. */
export async function priceAlone(portfolio: Portfolio, prices: Float64Array, signal: AbortSignal): Promise<number> {
  const startMs = performance.now()
  await priceHere(portfolio, prices, 0, portfolio.count, signal)
  return performance.now() - startMs
}

/** What one option costs this thread, in ms, once the engine has compiled the function. */
export function costOfAnOption({ rows, count }: Portfolio): number {
  const options = Math.min(count, BATCH_OPTIONS)
  const some = rows.subarray(0, options * ROW_NUMBERS)
  const prices = new Float64Array(options)
  for (let done = 0; done < WARM_UP_OPTIONS;) done += priceAll(some, prices)
  const startMs = performance.now()
  let done = 0
  while (done < WARM_UP_OPTIONS) done += priceAll(some, prices)
  return (performance.now() - startMs) / done
}
