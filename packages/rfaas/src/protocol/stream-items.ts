import { RfaasError } from '../errors.ts'
import { decodeValue, encodeValue } from './codec.ts'
import { decodeThrown, encodeThrown } from './failure-bytes.ts'
import { copyPeerBytes } from './peer-bytes.ts'
import { putTogether } from './remote-error.ts'

/*
 * How the items of a stream travel. An answer to a function that streams has any number of them, so that a round trip
 * brings as many as are ready. Each begins at a multiple of 8 bytes:
 *
 *     bytes  content
 *     0-3    bytes of the encoded value (uint32)
 *     4      ITEM, or RETURNED: the last one, what the iterator returned; or THREW: the last one, what it threw
 *     8-     the value, as a result is encoded; for THREW as a failure is
 *
 * The client asks for the next items with an invocation of the same function, in the same slot, that has no payload. So
 * there is never more than one request or answer in a slot, and no item is sent that the client has no room for.
 */

/** Bytes in front of each item. */
export const ITEM_HEAD_BYTES = 8

export const ITEM = 0
export const RETURNED = 1
/** Only in what streams into a function: a function that throws is answered with a status. */
export const THREW = 2

export type ItemKind = typeof ITEM | typeof RETURNED | typeof THREW

const NO_ROOM = new Uint8Array(0)

/** What a message of a stream has brought. */
export interface Items {
  values: unknown[]
  /** Whether the stream is over. */
  isOver: boolean
  /** What the iterator returned, once it is over. */
  returned: unknown
  /** What the iterator threw; absent when it did not. */
  failure?: { thrown: unknown }
}

/**
 * Appends an item to a message.
 *
 * @param at where the message ends so far
 * @returns where it ends then; when there is no room, minus the bytes that the value alone needs, its head included, so
 * always below 0
 * @throws {NotCloneableError}
 */
export function putItem(value: unknown, kind: ItemKind, room: Uint8Array, at: number): number {
  const start = at + ITEM_HEAD_BYTES
  const bytes = encodeValue(value, start < room.length ? room.subarray(start) : NO_ROOM, 'item')
  if (bytes < 0) return bytes + 1 - ITEM_HEAD_BYTES
  return putHead(bytes, kind, room, at)
}

/**
 * Encodes an item by itself, for {@link putEncoded}.
 *
 * @throws {NotCloneableError}
 */
export function encodeItem(value: unknown): Uint8Array {
  // The bytes needed change with the names that the encoder has seen.
  for (let room = NO_ROOM; ;) {
    const bytes = encodeValue(value, room, 'item')
    if (bytes > 0) return room.subarray(0, bytes)
    room = new Uint8Array(-bytes - 1)
  }
}

/** As {@link putItem}, of an item that is encoded already. */
export function putEncoded(encoded: Uint8Array, room: Uint8Array, at: number): number {
  if (at + ITEM_HEAD_BYTES + encoded.length > room.length) return -encoded.length - ITEM_HEAD_BYTES
  room.set(encoded, at + ITEM_HEAD_BYTES)
  return putHead(encoded.length, ITEM, room, at)
}

/** Makes a message that only says what the iterator threw, or as much of it as fits. @returns its bytes */
export function putThrown(thrown: unknown, room: Uint8Array): number {
  return putHead(encodeThrown(thrown, room.subarray(ITEM_HEAD_BYTES)), THREW, room, 0)
}

/**
 * Decodes a message of items, which the peer may change meanwhile.
 *
 * @param mayThrow whether it may say what the iterator threw. Default false
 * @throws {RfaasError} `internal` when it is none
 */
export function readItems(room: Uint8Array, byteLength: number, mayThrow: boolean = false): Items {
  const values: unknown[] = []
  for (let at = 0; at + ITEM_HEAD_BYTES <= byteLength;) {
    const bytes = (room[at]! | (room[at + 1]! << 8) | (room[at + 2]! << 16) | (room[at + 3]! << 24)) >>> 0
    const kind = room[at + 4]
    const end = at + ITEM_HEAD_BYTES + bytes
    const isKnown = kind === ITEM || kind === RETURNED || (kind === THREW && mayThrow)
    if (end > byteLength || !isKnown) throw malformed(byteLength)
    const encoded = room.subarray(at + ITEM_HEAD_BYTES, end)
    if (kind === THREW) return { values, isOver: true, returned: undefined, failure: { thrown: thrownIn(encoded) } }
    const value = decodeValue(encoded)
    if (kind === RETURNED) return { values, isOver: true, returned: value }
    values.push(value)
    at = aligned(end)
  }
  // A stream that goes on for ever without an item would hang its reader.
  if (values.length === 0) throw malformed(byteLength)
  return { values, isOver: false, returned: undefined }
}

function thrownIn(encoded: Uint8Array): unknown {
  const said = decodeThrown(copyPeerBytes(encoded))
  return said === null ? new Error('The iterable threw an error of which no details came') : putTogether(said)
}

function putHead(bytes: number, kind: ItemKind, room: Uint8Array, at: number): number {
  for (let i = 0; i < 4; i++) room[at + i] = bytes >>> (8 * i)
  room[at + 4] = kind
  const end = at + ITEM_HEAD_BYTES + bytes
  return Math.min(aligned(end), room.length)
}

function aligned(at: number): number {
  return (at + 7) & ~7
}

function malformed(byteLength: number): RfaasError {
  return new RfaasError('internal', `Cannot decode the items of a stream: ${byteLength} bytes are no items`)
}
