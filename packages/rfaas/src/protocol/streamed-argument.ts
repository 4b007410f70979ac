import { types } from 'node:util'

import { RfaasError } from '../errors.ts'
import { SLOTS_MAX } from './limits.ts'
import { CLOSE_STREAM } from './slots.ts'

/*
 * How an argument that is an iterable streams into its function, through the slot of the call.
 *
 * The invocation has the flag STREAMED in the word of its function. In front of its arguments is one more: the place of the
 * iterable among them, which itself travels as undefined. When the function asks for items, the worker sends ITEMS_WANTED;
 * the client answers with one message of items (stream-items.ts) in the payload of the slot, which it had no other use for
 * since the invocation was read. So a slot has at most one message of items under way, and none that was not asked for.
 *
 *     immediate                 sender  says
 *     ITEMS_WANTED + slot       worker  send the next items
 *     ITEMS_ENOUGH + slot       worker  the function reads no more; close the iterable
 *     ITEMS_SENT + slot         client  items lie in the payload of the slot
 *     ITEMS_SENT_LARGE + slot   client  an item lies in the spare room; the worker answers LARGE_TAKEN
 *
 * None of them has words, because those of the slot's invocation, or of the next request for items of its result, may not
 * have been read yet. A message of items begins with its length (uint32) and four bytes that mean nothing. The answer of the
 * invocation ends the stream: the worker sends nothing of it afterwards, and ignores items that come then.
 */

/** The flag in the word of the function's index. */
export const STREAMED: number = 2 ** 28

export const ITEMS_SENT: number = CLOSE_STREAM + SLOTS_MAX
export const ITEMS_SENT_LARGE: number = ITEMS_SENT + SLOTS_MAX
export const ITEMS_WANTED: number = ITEMS_SENT_LARGE + SLOTS_MAX
export const ITEMS_ENOUGH: number = ITEMS_WANTED + SLOTS_MAX

/** What a message of items begins with. */
export const ITEMS_HEAD_BYTES = 8

/** The smallest payload of a slot in which items can be sent: a failure without details. */
export const ITEMS_PAYLOAD_BYTES_MIN = 32

/** Writes the head of a message of items. */
export function putItemsHead(room: Uint8Array, byteLength: number): void {
  for (let i = 0; i < 4; i++) room[i] = byteLength >>> (8 * i)
}

/** How many bytes of items follow the head, as the peer says. */
export function itemsLength(room: Uint8Array): number {
  return (room[0]! | (room[1]! << 8) | (room[2]! << 16) | (room[3]! << 24)) >>> 0
}

/** What all iterators of the language inherit from. */
const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object

export type AnyIterable = Iterable<unknown, unknown, undefined> | AsyncIterable<unknown, unknown, undefined>

/** Thrown by encoders that have met an iterable among the arguments. Where nothing streams, it says so to the caller. */
export class StreamedArgumentError extends RfaasError {
  /** Its place among the arguments. */
  readonly at: number

  constructor(at: number) {
    const what = at === 0 ? 'the argument' : `argument ${at + 1}`
    super('invalid_argument', `Cannot send a value: ${what} is an iterable, which only lease.call and lease.map stream`)
    this.at = at
  }
}

/** @throws {StreamedArgumentError} when one of the arguments is an iterable that streams */
export function refuseIterables(args: unknown[]): void {
  const at = args.findIndex(isStreamed)
  if (at >= 0) throw new StreamedArgumentError(at)
}

/**
 * Whether a value streams as an argument: an object with Symbol.asyncIterator, a generator, or another iterator. What is
 * only iterable, as an array is, travels as a value.
 */
export function isStreamed(value: unknown): value is AnyIterable {
  if (typeof value !== 'object' || value === null) return false
  if (typeof (value as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === 'function') return true
  return types.isGeneratorObject(value) || Object.prototype.isPrototypeOf.call(iteratorPrototype, value)
}
