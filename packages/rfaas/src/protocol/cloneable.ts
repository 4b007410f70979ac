import { inspect, types } from 'node:util'

import { VALUE_DEPTH_MAX } from './limits.ts'
import { isClonedAsPlain, isKnownClass, isLeaf } from './instances.ts'

/** Arrays of at most this many elements have their keys listed; for longer ones util.inspect is faster. */
const KEYS_LISTED_MAX = 64

const mapEntries = Map.prototype.entries
const setValues = Set.prototype.values

/**
 * Whether a value that V8 has serialized may be sent. V8 accepts more than structuredClone: Node marks URL, Headers,
 * Response and many others as not cloneable, but V8's serializer ignores the mark and writes `{}` for them. It also
 * writes values that are nested too deep for the stack of the reader.
 *
 * @param byteLength of the serialized value. Each object in it takes at least one byte
 */
export function isCloneable(value: object, byteLength: number): boolean {
  // Most values are trees, and a walk that does not remember the visited objects is several times faster.
  const quick = new Walk(byteLength, null)
  return quick.accepts(value, 1) || (quick.isUndecided && new Walk(Infinity, new Set()).accepts(value, 1))
}

/** Visits objects in the order in which V8 writes and reads them, so that their depth is that of V8's recursion. */
class Walk {
  /** The walk gave up: the value is too deep, or no tree: it may have cycles, or objects that occur more than once. */
  isUndecided = false
  /** Visits left. A value that needs more of them than it has bytes is no tree. */
  #visitsLeft: number
  readonly #byteLength: number
  readonly #seen: Set<object> | null

  constructor(byteLength: number, seen: Set<object> | null) {
    this.#byteLength = this.#visitsLeft = byteLength
    this.#seen = seen
  }

  accepts(value: object, depth: number): boolean {
    if (this.#seen === null) {
      if (depth > VALUE_DEPTH_MAX || --this.#visitsLeft < 0) {
        this.isUndecided = true
        return false
      }
    } else {
      if (this.#seen.has(value)) return true
      if (depth > VALUE_DEPTH_MAX) return false
      this.#seen.add(value)
    }
    if (Array.isArray(value)) return this.#acceptsArray(value, depth)
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype === Object.prototype || prototype === null) return this.#acceptsFields(value, depth)
    return this.#acceptsInstance(value, prototype, depth)
  }

  #acceptsFields(value: object, depth: number): boolean {
    for (const key in value) if (!this.#acceptsMember((value as Record<string, unknown>)[key], depth)) return false
    return true
  }

  #acceptsArray(array: unknown[], depth: number): boolean {
    const { length } = array
    // An element takes at least one byte, so this array has holes, perhaps billions of them.
    if (length > this.#byteLength) return this.#acceptsFields(array, depth)
    const numbers = leadingNumbers(array)
    // Rows and matrices of numbers are common, and reading the names of their fields would double the time they take.
    // No program puts an object that cannot be sent into a named field of such an array.
    if (numbers === length) return true
    for (let i = numbers; i < length; i++) if (!this.#acceptsMember(array[i], depth)) return false
    return !mayHaveNamedFields(array) || this.#acceptsFields(array, depth)
  }

  #acceptsInstance(value: object, prototype: object, depth: number): boolean {
    if (isKnownClass(prototype)) return this.#acceptsOwnFields(value, depth)
    if (isLeaf(value)) return true
    if (types.isMap(value)) {
      for (const [key, member] of mapEntries.call(value))
        if (!this.#acceptsMember(key, depth) || !this.#acceptsMember(member, depth)) return false
      return true
    }
    if (types.isSet(value)) {
      for (const member of setValues.call(value)) if (!this.#acceptsMember(member, depth)) return false
      return true
    }
    if (types.isNativeError(value)) return this.#acceptsMember(value.cause, depth) && isClonedAsPlain(value, prototype)
    return this.#acceptsOwnFields(value, depth) && isClonedAsPlain(value, prototype)
  }

  /** Leaves out fields of the prototype: a URL has getters there that would be called. */
  #acceptsOwnFields(value: object, depth: number): boolean {
    for (const key in value)
      if (Object.hasOwn(value, key) && !this.#acceptsMember((value as Record<string, unknown>)[key], depth))
        return false
    return true
  }

  #acceptsMember(member: unknown, depth: number): boolean {
    return typeof member !== 'object' || member === null || this.accepts(member, depth + 1)
  }
}

/** The number of leading elements that are numbers. A loop of its own: V8 then boxes no number in it. */
function leadingNumbers(array: unknown[]): number {
  let i = 0
  while (i < array.length && typeof array[i] === 'number') i++
  return i
}

/**
 * Whether an array has fields beside its elements, such as the `groups` of a match. May be true without any when it has
 * holes.
 */
export function mayHaveNamedFields(array: unknown[]): boolean {
  const { length } = array
  if (length <= KEYS_LISTED_MAX) return Object.keys(array).at(-1) !== (length === 0 ? undefined : `${length - 1}`)
  // For a long array util.inspect can tell without a list of a million keys.
  const text = inspect(array, { maxArrayLength: 0, depth: 0, customInspect: false })
  return text !== `[ ... ${length} more items ]`
}
