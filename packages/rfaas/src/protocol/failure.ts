import { types } from 'node:util'

import {
  FAILURE_DEPTH_MAX,
  FAILURE_ERRORS_MAX,
  FAILURE_FIELD_BYTES_MAX,
  FAILURE_FIELDS_MAX,
  FAILURE_MESSAGE_CHARS_MAX,
  FAILURE_NAME_CHARS_MAX,
  FAILURE_STACK_CHARS_MAX,
} from './limits.ts'
import { isErrorLike, isInstance, messageOf, nameOf, printed, readSafely, stackOf } from '../thrown.ts'
import { encodeValue } from './codec.ts'

/** What is sent of a value that a function has thrown: an error, any other value that can be cloned, or its text. */
export type Thrown =
  | ErrorParts
  /** `value` is the output of encodeValue. */
  | { kind: 'value'; value: Uint8Array }
  | { kind: 'text'; text: string }

/** What is sent of an error. */
export interface ErrorParts {
  kind: 'error'
  name: string
  /** The built-in class that the error's own class extends, or is; absent for Error, and for classes of another realm. */
  base?: string
  message: string
  stack: string
  /**
   * Own enumerable fields, each encoded separately by encodeValue, so that one that cannot be read does not spoil the
   * others.
   */
  fields: (readonly [name: string, value: Uint8Array])[]
  /** Nested errors and values: `cause`, and the `error` and `suppressed` of a SuppressedError. */
  nested: (readonly [name: string, thrown: Thrown])[]
  /** The `errors` of an AggregateError. */
  errors: Thrown[] | null
}

/** The built-in classes of errors, besides Error itself. None extends another. */
const BUILT_IN: readonly (new (...args: never[]) => Error)[] = [
  AggregateError,
  DOMException,
  EvalError,
  RangeError,
  ReferenceError,
  SuppressedError,
  SyntaxError,
  TypeError,
  URIError,
]

/** Fields that every error has, or that are sent separately. */
const APART: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors', '__proto__'])

/**
 * Takes apart what a function has thrown, whatever it is, within the bounds of limits.ts. Calls getters and Proxy traps
 * of the value, and survives what they throw; never throws itself.
 *
 * @param byteLengthMax limit for a thrown value that is no error; a larger one is sent as its printed text
 */
export function takeApart(thrown: unknown, byteLengthMax: number): Thrown {
  try {
    return new TakingApart(byteLengthMax).take(thrown, 1)
  } catch {
    // For example, memory or stack is exhausted.
    return { kind: 'text', text: 'something that cannot be read' }
  }
}

class TakingApart {
  #errors = 0
  readonly #byteLengthMax: number
  readonly #seen = new Set<object>()
  readonly #room = new Uint8Array(FAILURE_FIELD_BYTES_MAX)

  constructor(byteLengthMax: number) {
    this.#byteLengthMax = byteLengthMax
  }

  take(thrown: unknown, depth: number): Thrown {
    if (isErrorLike(thrown)) return this.#error(thrown, depth)
    const value = this.#encoded(thrown, depth === 1 ? this.#byteLengthMax : FAILURE_FIELD_BYTES_MAX)
    if (value !== null) return { kind: 'value', value }
    return { kind: 'text', text: printed(thrown).slice(0, FAILURE_MESSAGE_CHARS_MAX) }
  }

  #error(error: object, depth: number): ErrorParts {
    this.#errors++
    this.#seen.add(error)
    const parts: ErrorParts = {
      kind: 'error',
      name: nameOf(error).slice(0, FAILURE_NAME_CHARS_MAX),
      message: messageOf(error).slice(0, FAILURE_MESSAGE_CHARS_MAX),
      stack: stackOf(error).slice(0, FAILURE_STACK_CHARS_MAX),
      fields: [],
      nested: [],
      errors: null,
    }
    const base = BUILT_IN.find((type) => isInstance(error, type))
    if (base !== undefined) parts.base = base.name
    const related = new Set<string>()
    for (const name of ['cause', 'error', 'suppressed']) {
      const inner = ownValue(error, name)
      // Any error may have a field `error`, which is sent as a field below unless it is an error. That of a
      // SuppressedError is not enumerable.
      if (inner === undefined || (name === 'error' && !isErrorLike(inner))) continue
      related.add(name)
      if (this.#mayTake(inner, depth)) parts.nested.push([name, this.take(inner, depth + 1)])
    }
    parts.errors = this.#aggregated(ownValue(error, 'errors'), depth)
    for (const name of ownNames(error)) {
      if (parts.fields.length >= FAILURE_FIELDS_MAX) break
      if (APART.has(name) || related.has(name) || name.length > FAILURE_NAME_CHARS_MAX) continue
      const value = this.#encoded(readSafely(error, name), FAILURE_FIELD_BYTES_MAX)
      if (value !== null) parts.fields.push([name, value])
    }
    return parts
  }

  #aggregated(errors: unknown, depth: number): Thrown[] | null {
    if (!isArray(errors)) return null
    const taken: Thrown[] = []
    for (let i = 0; i < errors.length && i < FAILURE_ERRORS_MAX; i++) {
      const inner = readSafely(errors, i)
      if (this.#mayTake(inner, depth)) taken.push(this.take(inner, depth + 1))
    }
    return taken
  }

  #mayTake(inner: unknown, depth: number): boolean {
    if (depth >= FAILURE_DEPTH_MAX || this.#errors >= FAILURE_ERRORS_MAX) return false
    return typeof inner !== 'object' || inner === null || !this.#seen.has(inner)
  }

  /** Encodes a value; null when it cannot be cloned, or is too large. */
  #encoded(value: unknown, byteLengthMax: number): Uint8Array | null {
    try {
      const byteLength = encodeValue(value, this.#room)
      const needed = byteLength > 0 ? byteLength : -byteLength - 1
      if (needed > byteLengthMax) return null
      if (byteLength > 0) return this.#room.slice(0, byteLength)
      const room = new Uint8Array(needed)
      return encodeValue(value, room) > 0 ? room : null
    } catch {
      return null
    }
  }
}

function ownValue(object: object, name: string): unknown {
  try {
    return Object.hasOwn(object, name) ? readSafely(object, name) : undefined
  } catch {
    return undefined
  }
}

function ownNames(object: object): string[] {
  try {
    return Object.keys(object)
  } catch {
    return []
  }
}

function isArray(value: unknown): value is unknown[] {
  try {
    return Array.isArray(value) && !types.isProxy(value)
  } catch {
    return false
  }
}
