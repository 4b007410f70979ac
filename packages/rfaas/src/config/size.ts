import { RfaasError } from '../errors.ts'
import { parseQuantity } from './quantity.ts'

const UNITS_BYTES = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
} as const

/**
 * Reads a size as people write it: `4096B`, `64KiB`, `512MiB`, `1.5GiB`, or decimal `100MB`.
 *
 * @param what names the value in the sentence
 * @returns whole bytes
 * @throws {RfaasError} `invalid_argument`
 */
export function parseSizeBytes(text: string, what: string): number {
  const bytes = parseQuantity(text, what, UNITS_BYTES)
  if (Number.isInteger(bytes)) return bytes
  throw new RfaasError(
    'invalid_argument',
    `Cannot read ${what}: ${JSON.stringify(text)} is not a whole number of bytes`,
  )
}

/**
 * Reads memory as a plain number of MiB (`512`) or as a size (`2GiB`).
 *
 * @returns whole MiB, at least 1
 * @throws {RfaasError} `invalid_argument`
 */
export function parseMemoryMib(text: string, what: string): number {
  const mib = /^\d+$/.test(text) ? Number(text) : parseSizeBytes(text, what) / UNITS_BYTES.MiB
  if (Number.isSafeInteger(mib) && mib >= 1) return mib
  throw new RfaasError(
    'invalid_argument',
    `Cannot read ${what}: ${JSON.stringify(text)} is not a whole number of MiB, at least 1`,
  )
}
