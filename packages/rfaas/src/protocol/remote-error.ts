import { FAILURE_DEPTH_MAX, FAILURE_ERRORS_MAX, FAILURE_FIELDS_MAX } from './limits.ts'
import { reasonOf } from '../thrown.ts'
import { decodeValue } from './codec.ts'
import type { ErrorParts, Thrown } from './failure.ts'

/**
 * The built-in error classes whose constructor takes a message. `instanceOf` makes AggregateError and SuppressedError.
 */
const CLASSES: ReadonlyMap<string, new (message: string) => Error> = new Map(
  [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
)

/**
 * Reassembles what a function has thrown. All that the peer says is checked; what makes no sense is left out.
 *
 * @returns an error of the built-in class of its name with its remote stack, a clone of another value, or its text
 */
export function putTogether(thrown: unknown, depth = 1): unknown {
  if (typeof thrown !== 'object' || thrown === null || depth > FAILURE_DEPTH_MAX) return undefined
  const said = thrown as Partial<Thrown>
  switch (said.kind) {
    case 'error':
      return makeError(said, depth)
    case 'value':
      return valueOf(said.value)
    case 'text':
      return textOf(said.text)
    case undefined:
  }
  return undefined
}

/**
 * Makes an error for a thrown value that is no error, so that `cause` is always an Error. Its message is the value's
 * own message, or the printed value; it has the value's fields; its `cause` is the value. It shows no stack, because
 * none was sent.
 */
export function errorOf(thrown: unknown): Error {
  const hasFields =
    typeof thrown === 'object' && thrown !== null && !Array.isArray(thrown) && !ArrayBuffer.isView(thrown)
  const value = hasFields ? thrown : {}
  const own: unknown = Object.hasOwn(value, 'message') ? Reflect.get(value, 'message') : undefined
  const message = typeof own === 'string' ? own : reasonOf(thrown)
  const error = new Error(message)
  hide(error, 'stack', `Error: ${message}`)
  hide(error, 'cause', thrown)
  for (const [key, field] of Object.entries(value).slice(0, FAILURE_FIELDS_MAX)) {
    if (!Object.hasOwn(error, key)) show(error, key, field)
  }
  return error
}

function makeError(parts: Partial<ErrorParts>, depth: number): Error {
  const name = textOf(parts.name) || 'Error'
  const message = textOf(parts.message)
  const nested = new Map<unknown, unknown>()
  for (const [key, inner] of pairsOf(parts.nested)) nested.set(key, putTogether(inner, depth + 1))
  const error = instanceOf(name, textOf(parts.base) || name, message, parts.errors, nested, depth)
  if (error.name !== name) hide(error, 'name', name)
  // Never the stack of this process, which says nothing about the function.
  hide(error, 'stack', textOf(parts.stack) || `${name}: ${message}`)
  if (nested.has('cause')) hide(error, 'cause', nested.get('cause'))
  for (const key of ['error', 'suppressed']) {
    if (nested.has(key) && !Object.hasOwn(error, key)) show(error, key, nested.get(key))
  }
  for (const [key, value] of pairsOf(parts.fields)) {
    if (!Object.hasOwn(error, key)) show(error, key, valueOf(value))
  }
  return error
}

function instanceOf(
  name: string,
  type: string,
  message: string,
  errors: unknown,
  nested: ReadonlyMap<unknown, unknown>,
  depth: number,
): Error {
  if (type === 'DOMException') return new DOMException(message, name)
  if (type === 'SuppressedError') return new SuppressedError(nested.get('error'), nested.get('suppressed'), message)
  const inner = Array.isArray(errors) ? errors.slice(0, FAILURE_ERRORS_MAX) : null
  const together = inner?.map((thrown) => putTogether(thrown, depth + 1))
  if (type === 'AggregateError') return new AggregateError(together ?? [], message)
  const error = new (CLASSES.get(type) ?? Error)(message)
  if (together) hide(error, 'errors', together)
  return error
}

function* pairsOf(pairs: unknown): Generator<readonly [string, unknown]> {
  if (!Array.isArray(pairs)) return
  for (const pair of (pairs as unknown[]).slice(0, FAILURE_FIELDS_MAX)) {
    if (Array.isArray(pair) && typeof pair[0] === 'string') yield [pair[0], pair[1]]
  }
}

function textOf(text: unknown): string {
  return typeof text === 'string' ? text : ''
}

function valueOf(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array)) return undefined
  try {
    return decodeValue(bytes)
  } catch {
    return undefined
  }
}

function show(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
}

/** Defines a field that is not enumerable, like those that every error has: printing the error does not list it. */
function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true })
}
