/** An Asian call option: it pays what the average price of the share, over the days until it ends, exceeds the strike. */
export interface AsianOption {
  readonly strike: number
  /** Simulated paths of the share's price: how much work it is. */
  readonly paths: number
  readonly seed: number
}

export interface Price {
  readonly price: number
  readonly standardError: number
}

/**
 * Estimates what the option is worth, by simulation: work that only computes, and would hold up a server that does it
 * itself. The same option has the same price, to the last digit, whoever computes it.
 */
export function price({ strike, paths, seed }: AsianOption): Price {
  // In the function, not around it: a bundler makes variables of a module's constants, and V8 computes with those a
  // third longer.
  const spot = 100
  const rate = 0.05
  const volatility = 0.2
  const years = 1
  const steps = 12
  const drift = ((rate - volatility ** 2 / 2) * years) / steps
  const spread = volatility * Math.sqrt(years / steps)
  const discount = Math.exp(-rate * years)
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1
  let sum = 0
  let squares = 0
  for (let path = 0; path < paths; path++) {
    let share = spot
    let total = 0
    for (let step = 0; step < steps; step++) {
      // The sum of twelve random numbers would be as good as normal; of three it is near enough for a share.
      let normal = -3
      for (let i = 0; i < 3; i++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        normal += (state >>> 0) / 2 ** 31
      }
      share *= Math.exp(drift + spread * normal)
      total += share
    }
    const payoff = discount * Math.max(0, total / steps - strike)
    sum += payoff
    squares += payoff * payoff
  }
  const mean = sum / paths
  return { price: mean, standardError: Math.sqrt(Math.max(0, squares / paths - mean * mean) / paths) }
}
