import { cumulativeNormal } from './normal.ts'
import { ROW_NUMBERS } from './rows.ts'

/**
 * The price of a European option after Black, Scholes and Merton. One formula serves both kinds: `sign` is +1 for a
 * call and −1 for a put. Spot, strike, volatility and years are above 0.
 */
export function blackScholes(
  sign: number,
  spot: number,
  strike: number,
  rate: number,
  dividendRate: number,
  volatility: number,
  years: number,
): number {
  const deviation = volatility * Math.sqrt(years)
  const drift = (rate - dividendRate + 0.5 * volatility * volatility) * years
  const d1 = (Math.log(spot / strike) + drift) / deviation
  const d2 = d1 - deviation
  const spotToday = spot * Math.exp(-dividendRate * years)
  const strikeToday = strike * Math.exp(-rate * years)
  return sign * (spotToday * cumulativeNormal(sign * d1) - strikeToday * cumulativeNormal(sign * d2))
}

/** Prices the rows in `rows`, in order, into the beginning of `prices`; returns their number. */
export function priceAll(rows: Float64Array, prices: Float64Array): number {
  const count = rows.length / ROW_NUMBERS
  for (let index = 0, at = 0; index < count; index++, at += ROW_NUMBERS) {
    prices[index] = blackScholes(
      rows[at]!,
      rows[at + 1]!,
      rows[at + 2]!,
      rows[at + 3]!,
      rows[at + 4]!,
      rows[at + 5]!,
      rows[at + 6]!,
    )
  }
  return count
}
