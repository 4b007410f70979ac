import { deserialize, serialize } from 'node:v8'

import { RfaasError } from '../errors.ts'

/**
 * How typed values travel: 8 bytes that say what follows, then it. The common single values go as they are; everything
 * else by the structured clone algorithm (dates, maps, sets, typed arrays, cycles, bigints; not functions).
 */
const TAG_BYTES = 8
const UNDEFINED = 0
const NUMBER = 1
const BYTES = 2
const FLOAT64S = 3
const STRUCTURED = 4

/**
 * Encodes a value into `room`, which must begin at a multiple of 8 in its buffer.
 *
 * @returns its bytes, or minus the bytes it would need (plus one, so never 0) when there is no room
 * @throws {RfaasError} `invalid_argument` when the value cannot be cloned
 */
export function encodeValue(value: unknown, room: Uint8Array): number {
  if (typeof value === 'number') {
    if (room.length < TAG_BYTES + 8) return -(TAG_BYTES + 8) - 1
    const view = new DataView(room.buffer, room.byteOffset, TAG_BYTES + 8)
    view.setUint32(0, NUMBER, true)
    view.setUint32(4, 0, true)
    view.setFloat64(TAG_BYTES, value, true)
    return TAG_BYTES + 8
  }
  if (value === undefined) return put(UNDEFINED, new Uint8Array(0), room)
  if (value instanceof Float64Array) {
    return put(FLOAT64S, new Uint8Array(value.buffer, value.byteOffset, value.byteLength), room)
  }
  // A Buffer is a Uint8Array too, but arrives as one: only the plain class may take the short way.
  if (value instanceof Uint8Array && value.constructor === Uint8Array) return put(BYTES, value, room)
  return put(STRUCTURED, clone(value), room)
}

function clone(value: unknown): Uint8Array {
  try {
    return serialize(value)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new RfaasError('invalid_argument', `Cannot send a value: ${reason}`, { cause: error })
  }
}

function put(tag: number, bytes: Uint8Array, room: Uint8Array): number {
  const total = TAG_BYTES + bytes.length
  if (total > room.length) return -total - 1
  const view = new DataView(room.buffer, room.byteOffset, TAG_BYTES)
  view.setUint32(0, tag, true)
  view.setUint32(4, 0, true)
  room.set(bytes, TAG_BYTES)
  return total
}

/**
 * The value that {@link encodeValue} wrote. Owns its memory: nothing in it refers to `payload`.
 *
 * @throws {RfaasError} `internal` when the bytes are not such a value
 */
export function decodeValue(payload: Uint8Array): unknown {
  if (payload.length < TAG_BYTES)
    throw new RfaasError('internal', `Cannot decode a value: it has ${payload.length} bytes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const tag = view.getUint32(0, true)
  switch (tag) {
    case UNDEFINED:
      return undefined
    case NUMBER:
      if (payload.length < TAG_BYTES + 8) break
      return view.getFloat64(TAG_BYTES, true)
    case BYTES:
      return new Uint8Array(payload.subarray(TAG_BYTES))
    case FLOAT64S:
      if ((payload.length - TAG_BYTES) % 8 !== 0) break
      return new Float64Array(new Uint8Array(payload.subarray(TAG_BYTES)).buffer)
    case STRUCTURED:
      try {
        // A copy, for what v8 gives back may be views of what it was given.
        return deserialize(new Uint8Array(payload.subarray(TAG_BYTES)))
      } catch (cause) {
        throw new RfaasError('internal', 'Cannot decode a value: it is no structured clone', { cause })
      }
  }
  throw new RfaasError('internal', `Cannot decode a value: tag ${tag} with ${payload.length} bytes`)
}

/** In the second word: the value is an array of several arguments (or of none), not the one that there mostly is. */
const MANY = 0x100

/** As {@link encodeValue}, for the arguments of a call. */
export function encodeArguments(values: unknown[], room: Uint8Array): number {
  if (values.length === 1) return encodeValue(values[0], room)
  const bytes = put(STRUCTURED, clone(values), room)
  if (bytes > 0) new DataView(room.buffer, room.byteOffset, TAG_BYTES).setUint32(4, MANY, true)
  return bytes
}

/** As {@link decodeValue}, for the arguments of a call. */
export function decodeArguments(payload: Uint8Array): unknown[] {
  const value = decodeValue(payload)
  const many = new DataView(payload.buffer, payload.byteOffset, TAG_BYTES).getUint32(4, true) === MANY
  return many && Array.isArray(value) ? value : [value]
}
