import { RfaasError } from '../errors.ts'
import { isInstance, reasonOf } from '../thrown.ts'
import { isCloneable } from './cloneable.ts'
import { copyPeerBytes } from './peer-bytes.ts'
import { findRefused } from './refused.ts'
import { deserializeStructured, serializeStructured } from './structured.ts'

/**
 * Encodes typed values: 8 bytes that say what follows, then the value. Common single values are sent as they are,
 * everything else in the structured clone format (structured.ts).
 */
const TAG_BYTES = 8
const UNDEFINED = 0
const NUMBER = 1
const BYTES = 2
const FLOAT64S = 3
const STRUCTURED = 4

/**
 * Flag in the second word: the value is an array of several arguments (or of none), not the single argument of most
 * calls.
 */
const MANY = 0x100

const NOTHING = new Uint8Array(0)

/**
 * Thrown for a value that cannot be sent. The message says which part of it, and why. `cause`, if any: what a getter of
 * the value has thrown.
 */
export class NotCloneableError extends Error {}

/**
 * Encodes a value into `room`, which must begin at a multiple of 8 in its buffer.
 *
 * @param name what the value is called in an error's sentence
 * @returns the number of bytes written; when there is no room, minus the number of bytes needed minus one, so never 0
 * @throws {NotCloneableError}
 */
export function encodeValue(value: unknown, room: Uint8Array, name = 'value'): number {
  if (typeof value === 'number') {
    if (room.length < TAG_BYTES + 8) return -(TAG_BYTES + 8) - 1
    const view = new DataView(room.buffer, room.byteOffset, TAG_BYTES + 8)
    view.setUint32(0, NUMBER, true)
    view.setUint32(4, 0, true)
    view.setFloat64(TAG_BYTES, value, true)
    return TAG_BYTES + 8
  }
  if (value === undefined) return put(UNDEFINED, 0, NOTHING, room)
  try {
    if (value instanceof Float64Array) {
      return put(FLOAT64S, 0, new Uint8Array(value.buffer, value.byteOffset, value.byteLength), room)
    }
    // A Buffer is a Uint8Array too, but must arrive as a Buffer: only the plain class may take the short way.
    if (value instanceof Uint8Array && value.constructor === Uint8Array) return put(BYTES, 0, value, room)
    return put(STRUCTURED, 0, clone(value, name), room)
  } catch (error) {
    throw notCloneable(value, name, error)
  }
}

/**
 * As {@link encodeValue}, for the arguments of a call.
 *
 * @throws {RfaasError} `invalid_argument` when an argument cannot be sent
 */
export function encodeArguments(values: unknown[], room: Uint8Array): number {
  try {
    if (values.length === 1) return encodeValue(values[0], room, 'value')
    try {
      return put(STRUCTURED, MANY, clone(values, 'arguments'), room)
    } catch (error) {
      throw notCloneable(values, 'arguments', error)
    }
  } catch (cause) {
    throw new RfaasError('invalid_argument', `Cannot send a value: ${reasonOf(cause)}`, { cause })
  }
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

function put(tag: number, flags: number, bytes: Uint8Array, room: Uint8Array): number {
  const total = TAG_BYTES + bytes.length
  if (total > room.length) return -total - 1
  const view = new DataView(room.buffer, room.byteOffset, TAG_BYTES)
  view.setUint32(0, tag, true)
  view.setUint32(4, flags, true)
  room.set(bytes, TAG_BYTES)
  return total
}

/**
 * Decodes the output of {@link encodeValue}. The value owns its memory: nothing in it refers to `payload`, which the
 * peer may change meanwhile.
 *
 * @throws {RfaasError} `internal` when the bytes are not such a value
 */
export function decodeValue(payload: Uint8Array): unknown {
  if (payload.length < TAG_BYTES) throw malformed(`it has ${payload.length} bytes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  return decode(view.getUint32(0, true), payload, view)
}

/** As {@link decodeValue}, for the arguments of a call. */
export function decodeArguments(payload: Uint8Array): unknown[] {
  if (payload.length < TAG_BYTES) throw malformed(`it has ${payload.length} bytes`)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const isMany = view.getUint32(4, true) === MANY
  const value = decode(view.getUint32(0, true), payload, view)
  return isMany && Array.isArray(value) ? value : [value]
}

function decode(tag: number, payload: Uint8Array, view: DataView): unknown {
  switch (tag) {
    case UNDEFINED:
      return undefined
    case NUMBER:
      if (payload.length < TAG_BYTES + 8) break
      return view.getFloat64(TAG_BYTES, true)
    case BYTES:
      return copyPeerBytes(payload.subarray(TAG_BYTES))
    case FLOAT64S:
      if ((payload.length - TAG_BYTES) % 8 !== 0) break
      return new Float64Array(copyPeerBytes(payload.subarray(TAG_BYTES)).buffer)
    case STRUCTURED: {
      const bytes = copyPeerBytes(payload.subarray(TAG_BYTES))
      try {
        return deserializeStructured(bytes)
      } catch (cause) {
        throw malformed('it is no structured clone', { cause })
      }
    }
  }
  throw malformed(`tag ${tag} with ${payload.length} bytes`)
}

function malformed(reason: string, options?: ErrorOptions): RfaasError {
  return new RfaasError('internal', `Cannot decode a value: ${reason}`, options)
}
