import { RfaasError } from '../errors.ts'

/**
 * Reads numbers by name, such as `perCoreS=0.01,perGibS=0.002`. A key that is absent is absent in the result; an
 * unknown key is refused, because it is a typing mistake that would otherwise go unseen.
 *
 * @param what names the value in the sentence
 * @throws {RfaasError} `invalid_argument`
 */
export function parsePairs<Key extends string>(
  text: string,
  what: string,
  keys: readonly Key[],
): Partial<Record<Key, number>> {
  const refuse = (reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot read ${what}: ${reason}`)
  }
  const result: Partial<Record<Key, number>> = {}
  for (const pair of text.split(',')) {
    const [, name, value] =
      /^\s*([^=\s]+)\s*=\s*(\S+)\s*$/.exec(pair) ?? refuse(`${JSON.stringify(pair)} is not KEY=NUMBER`)
    const key =
      keys.find((known) => known === name) ??
      refuse(`the key ${JSON.stringify(name)} is unknown; known are ${keys.join(', ')}`)
    if (key in result) refuse(`${key} is given twice`)
    // Number() would also take '', '0x10' and 'Infinity'.
    if (!/^\d+(\.\d+)?(e-?\d+)?$/.test(value!)) refuse(`${key} is ${JSON.stringify(value)}, not a number from 0`)
    const number = Number(value)
    if (!Number.isFinite(number)) refuse(`${key} is ${JSON.stringify(value)}, which is too large`)
    result[key] = number
  }
  return result
}
