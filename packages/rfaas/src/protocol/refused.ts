import { types } from 'node:util'

import { VALUE_DEPTH_MAX, VALUE_PATH_CHARS_MAX } from './limits.ts'
import { printed } from '../thrown.ts'
import { isClonedAsPlain, isLeaf } from './instances.ts'
import { isStreamed } from './streamed-argument.ts'

/**
 * Finds what cannot be sent in a value that was refused, for the error's sentence.
 *
 * @param root what the value is called: `value`
 * @returns such as `value.items[3].url is a URL, which cannot be cloned`, or null when nothing was found
 * @throws what getters of the value throw
 */
export function findRefused(value: unknown, root: string): string | null {
  return search(value, root, 1, new Set())
}

function search(value: unknown, path: string, depth: number, seen: Set<object>): string | null {
  if (typeof value === 'function') return `${shortened(path)} is a function${named(value)}, which cannot be cloned`
  if (typeof value === 'symbol') return `${shortened(path)} is ${printed(value)}, which cannot be cloned`
  if (typeof value !== 'object' || value === null || seen.has(value)) return null
  if (depth > VALUE_DEPTH_MAX) return `${shortened(path)} is nested deeper than ${VALUE_DEPTH_MAX} levels`
  seen.add(value)
  if (types.isProxy(value)) return `${shortened(path)} is a Proxy, which cannot be cloned`
  for (const [segment, member] of membersOf(value)) {
    const found = search(member, path + segment, depth + 1, seen)
    if (found !== null) return found
  }
  return isAccepted(value) ? null : `${shortened(path)} is ${withArticle(classOf(value))}, which cannot be cloned`
}

/** The members of an object that V8 writes, each with the segment that it adds to the object's path. */
function* membersOf(value: object): Generator<readonly [segment: string, member: unknown]> {
  if (isLeaf(value)) return
  if (types.isMap(value)) {
    for (const [key, member] of Map.prototype.entries.call(value)) {
      yield ['<a key>', key]
      yield [`.get(${keyText(key)})`, member]
    }
  } else if (types.isSet(value)) {
    for (const member of Set.prototype.values.call(value)) yield ['<a member>', member]
  } else if (types.isNativeError(value)) {
    if (Object.hasOwn(value, 'cause')) yield ['.cause', value.cause]
  } else {
    for (const key of Object.keys(value)) {
      const isIndex = Array.isArray(value) && /^\d+$/.test(key)
      const isWord = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
      yield [isIndex ? `[${key}]` : isWord ? `.${key}` : `[${keyText(key)}]`, (value as Record<string, unknown>)[key]]
    }
  }
}

function isAccepted(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) return true
  if (types.isMap(value) || types.isSet(value)) return true
  if (isLeaf(value)) return !types.isSharedArrayBuffer(value) && !types.isSymbolObject(value)
  return isClonedAsPlain(value, prototype)
}

function classOf(value: object): string {
  const { constructor } = value as { constructor?: unknown }
  if (typeof constructor === 'function' && constructor.name !== '') return constructor.name
  // The objects of generator functions, for instance, which stream as arguments, but not in a value.
  return isStreamed(value) ? 'iterable' : 'object of no class'
}

function withArticle(noun: string): string {
  return /^[AEIO]/i.test(noun) ? `an ${noun}` : `a ${noun}`
}

function named(f: object): string {
  const { name } = f as { name?: unknown }
  return typeof name === 'string' && name !== '' ? ` (${name})` : ''
}

function keyText(key: unknown): string {
  return shortened(printed(key))
}

function shortened(path: string): string {
  if (path.length <= VALUE_PATH_CHARS_MAX) return path
  return `${path.slice(0, VALUE_PATH_CHARS_MAX / 2)}…${path.slice(-VALUE_PATH_CHARS_MAX / 2)}`
}
