import { RfaasError } from 'rfaas'
import { ROW_NUMBERS, readRow, writeRow, type Portfolio } from './rows.ts'

/** Largest number of options in one portfolio: PARSEC's largest input has half as many. 1.1 GB of rows. */
export const OPTIONS_MAX = 20_000_000

/** Largest seed. */
export const SEED_MAX = 0xffff_ffff

/**
 * A portfolio of our own: options 2i and 2i+1 are the call and the put on the same terms, so that parity can be
 * checked. The same seed gives the same options, on any machine.
 *
 * @param count even
 * @param seed 0 to SEED_MAX
 * @throws {RfaasError} `invalid_argument`
 */
export function makePortfolio(count: number, seed: number): Portfolio {
  if (!Number.isInteger(count) || count < 2 || count > OPTIONS_MAX || count % 2 !== 0) {
    throw new RfaasError(
      'invalid_argument',
      `Cannot make a portfolio: the number of options is ${count}, must be an even number from 2 to ${OPTIONS_MAX}`,
    )
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
    throw new RfaasError(
      'invalid_argument',
      `Cannot make a portfolio: the seed is ${seed}, must be a whole number from 0 to ${SEED_MAX}`,
    )
  }
  const rows = new Float64Array(count * ROW_NUMBERS)
  const random = randomNumbers(seed)
  const between = (low: number, high: number): number => low + (high - low) * random()
  for (let index = 0; index < count; index += 2) {
    const spot = between(10, 200)
    writeRow(rows, index, {
      kind: 'call',
      spot,
      strike: spot * between(0.6, 1.4),
      rate: between(0, 0.1),
      dividendRate: between(0, 0.05),
      volatility: between(0.05, 0.65),
      years: between(0.05, 3),
    })
    writeRow(rows, index + 1, { ...readRow(rows, index), kind: 'put' })
  }
  return { source: `own portfolio, seed ${seed}`, count, rows, references: null, paired: true }
}

/** Marsaglia's xorshift128 (2003), its state spread from the seed by the finaliser of MurmurHash3; from 0 to below 1. */
function randomNumbers(seed: number): () => number {
  const state = Uint32Array.from([1, 2, 3, 4], (position) => mix(seed + position * 0x9e3779b9))
  let [x, y, z, w] = state as unknown as [number, number, number, number]
  return () => {
    const t = x ^ (x << 11)
    x = y
    y = z
    z = w
    w = (w ^ (w >>> 19) ^ t ^ (t >>> 8)) >>> 0
    return w / 0x1_0000_0000
  }
}

function mix(value: number): number {
  let h = value >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
