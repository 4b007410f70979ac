import { RfaasError } from '../errors.ts'
import { isInstance, reasonOf } from '../thrown.ts'
import { isCloneable } from './cloneable.ts'
import { CompactDecoder } from './compact-decoder.ts'
import { CompactEncoder } from './compact-encoder.ts'
import { copyPeerBytes } from './peer-bytes.ts'
import { findRefused } from './refused.ts'
import { refuseIterables, StreamedArgumentError } from './streamed-argument.ts'
import { deserializeStructured, serializeStructured } from './structured.ts'

/**
 * A message is 8 bytes and what they announce: the format (uint8), MANY or 0 (uint8), and for COMPACT the bytes of the
 * stream (uint32, the last four). Most values are compact (compact-encoder.ts); everything else is sent in the structured
 * clone format of V8 (structured.ts). What arrives is the same: a structured clone.
 */
const HEAD_BYTES = 8
const COMPACT = 1
const STRUCTURED = 2

/**
 * Flag: the message has several arguments (or none), not the single argument of most calls. In COMPACT these are the items
 * of the stream, in STRUCTURED the elements of an array.
 */
const MANY = 1

/**
 * Thrown for a value that cannot be sent. The message says which part of it, and why. `cause`, if any: what a getter of
 * the value has thrown.
 */
export class NotCloneableError extends Error {}

/**
 * Encodes a value into `room`. When there is no room, the room's content is undefined.
 *
 * @param name what the value is called in an error's sentence
 * @returns the number of bytes written; when there is no room, minus the number of bytes needed minus one, so never 0
 * @throws {NotCloneableError}
 */
export function encodeValue(value: unknown, room: Uint8Array, name = 'value'): number {
  try {
    return encodeCompact([value], 0, room) ?? put(0, clone(value, name), room)
  } catch (error) {
    throw notCloneable(value, name, error)
  }
}

/**
 * As {@link encodeValue}, for the arguments of a call.
 *
 * @throws {RfaasError} `invalid_argument` when an argument cannot be sent
 * @throws {StreamedArgumentError} when an argument is an iterable that streams. Never for one that can be encoded fast
 */
export function encodeArguments(values: unknown[], room: Uint8Array): number {
  const isOne = values.length === 1
  const value = isOne ? values[0] : values
  const name = isOne ? 'value' : 'arguments'
  const flags = isOne ? 0 : MANY
  try {
    const bytes = encodeCompact(values, flags, room)
    if (bytes !== null) return bytes
    refuseIterables(values)
    return put(flags, clone(value, name), room)
  } catch (error) {
    if (isInstance(error, StreamedArgumentError)) throw error
    const cause = notCloneable(value, name, error)
    throw new RfaasError('invalid_argument', `Cannot send a value: ${reasonOf(cause)}`, { cause })
  }
}

/** Kept for the next message. null while it is at work: a getter of a value may send a message itself. */
let idle: CompactEncoder | null = null

/** @returns as {@link encodeValue}, or null when a value is not compact */
function encodeCompact(values: unknown[], flags: number, room: Uint8Array): number | null {
  const encoder = idle ?? new CompactEncoder()
  idle = null
  encoder.begin(room, HEAD_BYTES)
  for (let i = 0; i < values.length; i++) {
    if (!encoder.write(values[i])) {
      idle = encoder
      return null
    }
  }
  const streamBytes = encoder.written - HEAD_BYTES
  const bytes = encoder.end()
  idle = encoder
  if (bytes > room.length) return -bytes - 1
  room[0] = COMPACT
  room[1] = flags
  for (let i = 0; i < 4; i++) room[4 + i] = streamBytes >>> (8 * i)
  return bytes
}

/** @throws {NotCloneableError}, what V8 throws for what it cannot clone, and what getters of the value throw */
function clone(value: unknown, name: string): Uint8Array {
  const bytes = serializeStructured(value)
  if (typeof value !== 'object' || value === null || isCloneable(value, bytes.length)) return bytes
  throw new NotCloneableError(findRefused(value, name) ?? `${name} cannot be cloned`)
}

function notCloneable(value: unknown, name: string, error: unknown): NotCloneableError {
  if (isInstance(error, NotCloneableError)) return error
  try {
    const refused = findRefused(value, name)
    if (refused !== null) return new NotCloneableError(refused)
  } catch {
    // A getter throws, most likely the error that is reported below.
  }
  return new NotCloneableError(`${name} cannot be cloned: ${reasonOf(error)}`, { cause: error })
}

function put(flags: number, bytes: Uint8Array, room: Uint8Array): number {
  const total = HEAD_BYTES + bytes.length
  if (total > room.length) return -total - 1
  room[0] = STRUCTURED
  room[1] = flags
  room.set(bytes, HEAD_BYTES)
  return total
}

/**
 * Decodes the output of {@link encodeValue}. The value owns its memory: nothing in it refers to `room`, which the peer may
 * change meanwhile.
 *
 * @param byteLength of the message, which lies at the beginning of `room`. Default: all of it
 * @throws {RfaasError} `internal` when the bytes are not such a value
 */
export function decodeValue(room: Uint8Array, byteLength: number = room.length): unknown {
  return decode(room, byteLength, false)
}

/** As {@link decodeValue}, for the arguments of a call. */
export function decodeArguments(room: Uint8Array, byteLength: number = room.length): unknown[] {
  if (room[1] !== MANY) return [decode(room, byteLength, false)]
  const values = decode(room, byteLength, true)
  return Array.isArray(values) ? (values as unknown[]) : [values]
}

function decode(room: Uint8Array, byteLength: number, isMany: boolean): unknown {
  if (byteLength < HEAD_BYTES) throw malformed(`it has ${byteLength} bytes`)
  const format = room[0]
  if (format !== COMPACT && format !== STRUCTURED) throw malformed(`format ${format} with ${byteLength} bytes`)
  try {
    if (format === COMPACT) return decodeCompact(room, byteLength, isMany)
    return deserializeStructured(copyPeerBytes(room.subarray(HEAD_BYTES, byteLength)))
  } catch (cause) {
    throw malformed(format === COMPACT ? 'it is no stream of items' : 'it is no structured clone', { cause })
  }
}

function decodeCompact(room: Uint8Array, byteLength: number, isMany: boolean): unknown {
  const streamBytes = (room[4]! | (room[5]! << 8) | (room[6]! << 16) | (room[7]! << 24)) >>> 0
  const decoder = new CompactDecoder(room, byteLength, HEAD_BYTES, streamBytes)
  let value: unknown
  if (isMany) {
    const values: unknown[] = (value = [])
    while (decoder.hasMore) values.push(decoder.read())
  } else value = decoder.read()
  if (!decoder.isOver) throw new RangeError('The message does not end with its last item')
  return value
}

function malformed(reason: string, options?: ErrorOptions): RfaasError {
  return new RfaasError('internal', `Cannot decode a value: ${reason}`, options)
}
