import { RfaasError } from '../errors.ts'

/**
 * Reads a list of tenants separated by commas, such as `vision,finance`: at least one.
 *
 * @param what names the value in the sentence
 * @throws {RfaasError} `invalid_argument`
 */
export function parseTenants(text: string, what: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (!names.includes('')) return names
  throw new RfaasError('invalid_argument', `Cannot read ${what}: ${JSON.stringify(text)} names no tenant at one place`)
}
