import { setImmediate as turn } from 'node:timers/promises'
import { priceAll } from './black-scholes.ts'
import { ROW_NUMBERS, type Portfolio } from './rows.ts'

/** Options between two turns of the event loop. */
const BATCH_OPTIONS = 16_384
/** Options that each thread prices before the clock starts, so that the engine has compiled the function. */
export const WARM_UP_OPTIONS = 65_536

/** How fast all options were priced, and what came out, in the order of the portfolio. */
export interface Priced {
  prices: Float64Array
  elapsedMs: number
}

/**
 * Prices the portfolio in this thread, with nothing but the function itself.
 *
 * @param passes number of passes, because one pass over few options is over too soon to be timed
 * @param signal ends it within a batch; its reason is thrown
 * @param onPriced called with the number of options so far
 */
export async function priceAlone(
  portfolio: Portfolio,
  passes: number,
  signal: AbortSignal,
  onPriced: (options: number) => void,
): Promise<Priced> {
  const { count, rows } = portfolio
  const prices = new Float64Array(count)
  const from = (option: number): Float64Array =>
    rows.subarray(option * ROW_NUMBERS, Math.min(option + BATCH_OPTIONS, count) * ROW_NUMBERS)
  for (let done = 0; done < WARM_UP_OPTIONS;) done += priceAll(from(0), prices)
  let priced = 0
  const startMs = performance.now()
  for (let pass = 0; pass < passes; pass++) {
    for (let option = 0; option < count; option += BATCH_OPTIONS) {
      onPriced((priced += priceAll(from(option), prices.subarray(option))))
      await turn()
      signal.throwIfAborted()
    }
  }
  return { prices, elapsedMs: performance.now() - startMs }
}
