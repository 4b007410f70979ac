/** The functions that run on leased workers. */
import { kernel, raw } from 'rfaas/functions'
import { blackScholes, priceAll } from './black-scholes.ts'
import { PRICE_BYTES, ROW_BYTES, type Option } from './rows.ts'

/** One option, by value: the convenient way. */
export function price(option: Option): number {
  const { kind, spot, strike, rate, dividendRate, volatility, years } = option
  return blackScholes(kind === 'call' ? 1 : -1, spot, strike, rate, dividendRate, volatility, years)
}

/**
 * Many options, in place: the input is rows as `rows.ts` lays them, the result one float64 a row. Nothing is decoded,
 * copied or allocated but the two views.
 */
export const priceRows = raw((input, output) => {
  if (input.byteLength % ROW_BYTES !== 0) {
    throw new RangeError(
      `Cannot price rows: ${input.byteLength} bytes are not a whole number of ${ROW_BYTES}-byte rows`,
    )
  }
  const count = input.byteLength / ROW_BYTES
  if (output.byteLength < count * PRICE_BYTES) {
    throw new RangeError(`Cannot price rows: ${count} prices do not fit into ${output.byteLength} bytes`)
  }
  const rows = new Float64Array(input.buffer, input.byteOffset, input.byteLength / Float64Array.BYTES_PER_ELEMENT)
  const prices = new Float64Array(output.buffer, output.byteOffset, count)
  return priceAll(rows, prices) * PRICE_BYTES
})

/** The body of a parallel loop: an item is one row, its result one price. */
export const priceItems = kernel({ input: Float64Array, output: Float64Array }, ({ input, output }) => {
  void priceAll(input, output)
})

/** The no-op with which an invocation is measured: returns its input, so that the payload travels both ways. */
export const noop = raw((input, output) => {
  output.set(input)
  return input.byteLength
})
