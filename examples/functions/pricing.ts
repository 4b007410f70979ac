/** The right to sell something for `strike` at any time within `years`. Rate and volatility are a year's. */
export interface AmericanPut {
  spot: number
  strike: number
  rate: number
  volatility: number
  years: number
}

/** Its price, by the binomial tree of Cox, Ross and Rubinstein: there is no formula, so it takes some milliseconds. */
export function price({ spot, strike, rate, volatility, years }: AmericanPut): number {
  const steps = 1_000
  const up = Math.exp(volatility * Math.sqrt(years / steps))
  const discount = Math.exp((-rate * years) / steps)
  const upwards = (1 / discount - 1 / up) / (up - 1 / up)
  const exercise = (step: number, ups: number): number => Math.max(0, strike - spot * up ** (2 * ups - step))
  const values = Float64Array.from({ length: steps + 1 }, (_, ups) => exercise(steps, ups))
  for (let step = steps - 1; step >= 0; step--) {
    for (let ups = 0; ups <= step; ups++) {
      const kept = discount * (upwards * values[ups + 1]! + (1 - upwards) * values[ups]!)
      values[ups] = Math.max(kept, exercise(step, ups))
    }
  }
  return values[0]!
}
