import { parseQuantity } from './quantity.ts'

const UNITS_MS = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/**
 * Reads a duration as people write it: `250us`, `10ms`, `1.5s`, `5m`, `2h`.
 *
 * @param what names the value in the sentence
 * @returns milliseconds, never negative
 * @throws {RfaasError} `invalid_argument`
 */
export function parseDurationMs(text: string, what: string): number {
  return parseQuantity(text, what, UNITS_MS)
}

/**
 * Reads how long a worker polls after its last invocation: a duration, `always` or `never`.
 *
 * @throws {RfaasError} `invalid_argument`
 */
export function parseHotTimeout(text: string, what: string): number | 'always' | 'never' {
  return text === 'always' || text === 'never' ? text : parseDurationMs(text, what)
}
