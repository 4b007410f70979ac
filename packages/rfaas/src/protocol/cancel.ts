import { SLOTS_MAX } from './limits.ts'

/*
 * How a client tells a worker that it has given up on an invocation.
 *
 * An invocation that may be given up has the bit CANCELLABLE in its function's index, and TIME_LEFT_BYTES behind its
 * payload, which count as payload: how many milliseconds are left until its deadline. Before the worker begins such an
 * invocation, it looks for the cancels that have arrived.
 *
 * A cancel is an immediate without a payload. It names the slot, the end of the invocation's id, and the reason.
 * Immediates arrive in order, and a slot is used again only after its answer, so a cancel never reaches a later
 * invocation; the id shows whether it still means anything.
 *
 *     bit   30       29                          12 to 28        0 to 11
 *           1        1: deadline, 0: aborted     end of the id   slot
 */

/** The flag in the word of the function's index. */
export const CANCELLABLE: number = 2 ** 30

/** What a cancellable invocation has behind its payload: a float64, little-endian. */
export const TIME_LEFT_BYTES = 8

/** The smallest immediate that is a cancel. */
export const CANCEL_MIN: number = 2 ** 30

const DEADLINE = 2 ** 29
const ID_SHIFT = 12
const ID_MASK = 0x1ffff

/** Why a client has given up. */
export type CancelReason = 'deadline' | 'aborted'

export interface Cancel {
  readonly slot: number
  readonly idEnd: number
  readonly reason: CancelReason
}

/** The immediate that cancels the invocation `id` in `slot`. */
export function cancelImmediate(slot: number, id: number, reason: CancelReason): number {
  return CANCEL_MIN | (reason === 'deadline' ? DEADLINE : 0) | (idEnd(id) << ID_SHIFT) | slot
}

/** Reads an immediate of at least CANCEL_MIN. */
export function readCancel(immediate: number): Cancel {
  return {
    slot: immediate & (SLOTS_MAX - 1),
    idEnd: (immediate >> ID_SHIFT) & ID_MASK,
    reason: (immediate & DEADLINE) === 0 ? 'aborted' : 'deadline',
  }
}

/** The part of an id that a cancel carries. */
export function idEnd(id: number): number {
  return id & ID_MASK
}

/**
 * Makes an encoded input that of a cancellable invocation.
 *
 * @param room of the slot; its first `bytes` are the input
 * @param leftMs until the deadline; Infinity: there is none
 * @returns bytes with what was added; 0 when there is no room for it
 */
export function addTimeLeft(room: Uint8Array, bytes: number, leftMs: number): number {
  if (bytes + TIME_LEFT_BYTES > room.length) return 0
  new DataView(room.buffer, room.byteOffset + bytes).setFloat64(0, leftMs, true)
  return bytes + TIME_LEFT_BYTES
}

/**
 * Reads what {@link addTimeLeft} has added.
 *
 * @param bytes of the input without what was added
 * @returns at least 0, whatever the peer wrote
 */
export function readTimeLeft(room: Uint8Array, bytes: number): number {
  const leftMs = new DataView(room.buffer, room.byteOffset + bytes).getFloat64(0, true)
  return leftMs >= 0 ? leftMs : 0
}
