import { RfaasError } from '../errors.ts'

/** Units by the name that people write, each with how many base units it is worth. */
export type Units = Readonly<Record<string, number>>

// No sign, exponent or hexadecimal: what is not an everyday number is more likely a mistake.
const QUANTITY = /^(\d+(?:\.\d+)?) ?([^\d\s.]*)$/

/**
 * Reads a number with its unit, such as `1.5s`, as base units. The unit is required, except on zero: `10` alone is as
 * likely meant as seconds as it is as milliseconds.
 *
 * @param what names the value in the sentence, for example `--hot-timeout`
 * @throws {RfaasError} `invalid_argument`
 */
export function parseQuantity(text: string, what: string, units: Units): number {
  const refuse = (reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot read ${what}: ${JSON.stringify(text)} ${reason}`)
  }
  const known = Object.keys(units)
  const [, digits, unit] = QUANTITY.exec(text.trim()) ?? refuse(`is not a number with a unit, such as 5${known[1]}`)
  const value = Number(digits)
  if (unit === '' && value === 0) return 0
  if (unit === '') refuse(`has no unit; write one of ${known.map((name) => digits + name).join(', ')}`)
  if (!Object.hasOwn(units, unit!))
    refuse(`has the unknown unit ${JSON.stringify(unit)}; known are ${known.join(', ')}`)
  const amount = value * units[unit!]!
  if (amount > Number.MAX_SAFE_INTEGER) refuse('is too large')
  return amount
}
