import { RfaasError } from '../errors.ts'

/**
 * Reads one of a closed set of names.
 *
 * @param what names the value in the sentence
 * @throws {RfaasError} `invalid_argument`
 */
export function parseName<Name extends string>(text: string, what: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === text)
  if (found !== undefined) return found
  throw new RfaasError(
    'invalid_argument',
    `Cannot read ${what}: ${JSON.stringify(text)} is unknown; known are ${names.join(', ')}`,
  )
}

/**
 * Reads a list of names separated by commas, such as `local,tcp`: at least one, none twice.
 *
 * @throws {RfaasError} `invalid_argument`
 */
export function parseNames<Name extends string>(text: string, what: string, names: readonly Name[]): Name[] {
  const found = text.split(',').map((part) => parseName(part.trim(), what, names))
  const twice = found.find((name, index) => found.indexOf(name) !== index)
  if (twice === undefined) return found
  throw new RfaasError('invalid_argument', `Cannot read ${what}: ${JSON.stringify(text)} names ${twice} twice`)
}
