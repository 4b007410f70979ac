import { inspect, types } from 'node:util'

/*
 * How to look at a value that the user's code has thrown. It may be anything: no error at all, an error whose getters
 * throw, a revoked Proxy. `String(thrown)`, `thrown.message` and even `instanceof` throw for some of them, so code that
 * handles such a value uses these helpers. None of them throws, and none calls a `toString` or `toJSON` of the value.
 */

/** Characters of a value that an error's sentence shows. */
const PRINTED_CHARS_MAX = 1_000

/** Names of the errors whose message begins with their code. */
const OUR_ERRORS: ReadonlySet<string> = new Set(['RfaasError', 'FabricError'])

/** The property, or undefined where its getter or Proxy throws. */
export function readSafely(value: object, key: PropertyKey): unknown {
  try {
    return Reflect.get(value, key)
  } catch {
    return undefined
  }
}

/** `value instanceof type`, which throws for a revoked Proxy. */
export function isInstance<T>(value: unknown, type: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof type
  } catch {
    return false
  }
}

/**
 * Whether the value is an error: by its class, by its kind (errors of another realm, such as `node:vm` makes, are
 * instances of another Error), or because it has the text fields `message` and `stack`.
 */
export function isErrorLike(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (types.isNativeError(value) || isInstance(value, Error)) return true
  return typeof readSafely(value, 'message') === 'string' && typeof readSafely(value, 'stack') === 'string'
}

/** The value on one line, as `util.inspect` prints it, shortened. */
export function printed(value: unknown): string {
  try {
    const bounds = { depth: 2, maxStringLength: PRINTED_CHARS_MAX, maxArrayLength: 20 }
    const text = inspect(value, { ...bounds, breakLength: Infinity, customInspect: false })
    return text.length <= PRINTED_CHARS_MAX ? text : `${text.slice(0, PRINTED_CHARS_MAX)}…`
  } catch {
    return `a value of type ${typeof value} that cannot be printed`
  }
}

/**
 * What went wrong, as text: the message of an error, a text itself, anything else printed. Messages of RfaasError and
 * FabricError begin with their code; the code is left out here, because the text becomes part of another sentence.
 */
export function reasonOf(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown
  if (!isErrorLike(thrown)) return printed(thrown)
  const message = messageOf(thrown)
  if (!OUR_ERRORS.has(nameOf(thrown))) return message
  const prefix = `${String(readSafely(thrown, 'code'))}: `
  return message.startsWith(prefix) ? message.slice(prefix.length) : message
}

/** The message of an error. One that is no text is printed. */
export function messageOf(error: object): string {
  const message = readSafely(error, 'message')
  if (typeof message === 'string') return message
  return message === undefined ? '' : printed(message)
}

/** The name of an error; 'Error' where it has none. */
export function nameOf(error: object): string {
  const name = readSafely(error, 'name')
  if (typeof name === 'string' && name !== '') return name
  return name === undefined || name === null || name === '' ? 'Error' : printed(name)
}

/** The stack of an error; empty where there is none. */
export function stackOf(thrown: unknown): string {
  if (!isErrorLike(thrown)) return ''
  const stack = readSafely(thrown, 'stack')
  return typeof stack === 'string' ? stack : ''
}
