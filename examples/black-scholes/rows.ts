/** A European option. Money in any one currency, rates and volatility a year, time in years. */
export interface Option {
  kind: 'call' | 'put'
  spot: number
  strike: number
  /** Risk-free, continuously compounded. */
  rate: number
  /** Continuous yield. */
  dividendRate: number
  volatility: number
  years: number
}

/** Numbers of one row: +1 for a call or −1 for a put, then the fields of Option in their order. */
export const ROW_NUMBERS = 7

/** Bytes of one row: what one option takes in an invocation's input. */
export const ROW_BYTES: number = ROW_NUMBERS * Float64Array.BYTES_PER_ELEMENT

/** Bytes of one price: what one option takes in an invocation's result. */
export const PRICE_BYTES: number = Float64Array.BYTES_PER_ELEMENT

/** Options ready to be sent: row after row, as they lie in a payload. */
export interface Portfolio {
  /** Where the options come from, for a person. */
  source: string
  count: number
  /** `count` rows of ROW_NUMBERS. */
  rows: Float64Array
  /** One reference price per option, from the source of the options; null where the source gives none. */
  references: Float64Array | null
  /** Whether options 2i and 2i+1 are the call and the put on the same terms. */
  paired: boolean
}

export function writeRow(rows: Float64Array, index: number, option: Option): void {
  const at = index * ROW_NUMBERS
  rows[at] = option.kind === 'call' ? 1 : -1
  rows[at + 1] = option.spot
  rows[at + 2] = option.strike
  rows[at + 3] = option.rate
  rows[at + 4] = option.dividendRate
  rows[at + 5] = option.volatility
  rows[at + 6] = option.years
}

export function readRow(rows: Float64Array, index: number): Option {
  const at = index * ROW_NUMBERS
  return {
    kind: rows[at]! > 0 ? 'call' : 'put',
    spot: rows[at + 1]!,
    strike: rows[at + 2]!,
    rate: rows[at + 3]!,
    dividendRate: rows[at + 4]!,
    volatility: rows[at + 5]!,
    years: rows[at + 6]!,
  }
}
