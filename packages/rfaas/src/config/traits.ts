import { RfaasError } from '../errors.ts'
import { labelsProblem, resourcesProblem } from '../lease/labels.ts'

/**
 * Reads a label such as `zone=a`.
 *
 * @param what names the value in the sentence
 * @throws {RfaasError} `invalid_argument`
 */
export function parseLabel(text: string, what: string): [name: string, value: string] {
  const [name, value] = split(text, what, 'NAME=VALUE')
  const problem = labelsProblem({ [name]: value })
  if (problem !== null) throw refusal(what, problem)
  return [name, value]
}

/**
 * Reads a number of resources such as `gpu=2`.
 *
 * @throws {RfaasError} `invalid_argument`
 */
export function parseResource(text: string, what: string): [name: string, count: number] {
  const [name, digits] = split(text, what, 'NAME=NUMBER')
  // Number() would also take '', '0x2' and '2e0'.
  if (!/^\d+$/.test(digits)) throw refusal(what, `${name} is ${JSON.stringify(digits)}, not a whole number`)
  const count = Number(digits)
  const problem = resourcesProblem({ [name]: count })
  if (problem !== null) throw refusal(what, problem)
  return [name, count]
}

function split(text: string, what: string, form: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw refusal(what, `${JSON.stringify(text)} is not ${form}`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function refusal(what: string, reason: string): RfaasError {
  return new RfaasError('invalid_argument', `Cannot read ${what}: ${reason}`)
}
