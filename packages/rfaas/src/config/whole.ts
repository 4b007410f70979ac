import { RfaasError } from '../errors.ts'
import { POOL_SIZE_MAX } from '../executor-manager/limits.ts'

/**
 * Reads a whole number in decimal digits.
 *
 * @param what names the value in the sentence
 * @throws {RfaasError} `invalid_argument`
 */
export function parseWhole(text: string, what: string, { min, max }: { min: number; max: number }): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`
  throw new RfaasError(
    'invalid_argument',
    `Cannot read ${what}: ${JSON.stringify(text)} is not a whole number ${range}`,
  )
}

/** Reads a number of cores, at least 1. @throws {RfaasError} `invalid_argument` */
export function parseCores(text: string, what: string): number {
  return parseWhole(text, what, { min: 1, max: 65_535 })
}

/** Reads a port; 0 means any free one. @throws {RfaasError} `invalid_argument` */
export function parsePort(text: string, what: string): number {
  return parseWhole(text, what, { min: 0, max: 65_535 })
}

/** Reads a number of executors to keep ready, 0 for none. @throws {RfaasError} `invalid_argument` */
export function parsePool(text: string, what: string): number {
  return parseWhole(text, what, { min: 0, max: POOL_SIZE_MAX })
}
