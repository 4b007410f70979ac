import { takeApart, type ErrorParts, type Thrown } from './failure.ts'
import { deserializeStructured, serializeStructured } from './structured.ts'

/*
 * A failure as the payload of a result: one byte that says what follows, then the parts of the thrown value in the
 * structured clone format, or text where there is no room for that.
 */
const PARTS = 1
const TEXT = 2

/** Largest encoded size of a field that tells the kind of failure (`code`, `errno`, `status`). */
const SMALL_FIELD_BYTES = 64

/**
 * What is left out, one after the other, of an error that does not fit: details of nested errors first, own fields
 * last.
 */
const REDUCTIONS: readonly ((error: ErrorParts) => ErrorParts)[] = [
  (error) => withNested(error, (inner) => ({ ...inner, fields: [] })),
  (error) => withNested(error, (inner) => ({ ...inner, stack: '' })),
  (error) => ({ ...error, stack: '' }),
  (error) => ({ ...error, nested: [], errors: null }),
  (error) => ({ ...error, fields: error.fields.filter(([, value]) => value.length <= SMALL_FIELD_BYTES) }),
  (error) => ({ ...error, fields: [] }),
]

/** Encodes what a function has thrown, or as much of it as fits. Never throws. @returns the number of bytes */
export function encodeThrown(value: unknown, room: Uint8Array): number {
  try {
    let thrown = takeApart(value, room.length)
    const byteLength = putParts(thrown, room)
    if (byteLength > 0) return byteLength
    // A value that does not fit is sent as its printed text.
    if (thrown.kind === 'value') thrown = takeApart(value, -1)
    if (thrown.kind === 'error') {
      for (const reduce of REDUCTIONS) {
        thrown = reduce(thrown)
        const byteLength = putParts(thrown, room)
        if (byteLength > 0) return byteLength
      }
      return putText(`${thrown.name}\n${thrown.message}`, room)
    }
    return putText(thrown.kind === 'text' ? `\n${thrown.text}` : '', room)
  } catch {
    // For example, memory is exhausted. The caller is told that no details came.
    return 0
  }
}

/** Encodes a sentence of ours, or as much of it as fits. Never throws. @returns the number of bytes */
export function encodeSentence(sentence: string, room: Uint8Array): number {
  return putText(`\n${sentence}`, room)
}

/**
 * @param payload a copy, see peer-bytes.ts
 * @returns what the peer says of a failure, unchecked; null when it says nothing that can be read
 */
export function decodeThrown(payload: Uint8Array<ArrayBuffer>): Partial<Thrown> | null {
  try {
    if (payload[0] === PARTS) return deserializeStructured(payload.slice(1)) as Partial<Thrown> | null
    if (payload[0] !== TEXT) return null
    const text = new TextDecoder().decode(payload.subarray(1))
    const end = text.indexOf('\n')
    if (end === 0) return { kind: 'text', text: text.slice(1) }
    const [name, message] = end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
    return name === '' ? null : { kind: 'error', name, message }
  } catch {
    return null
  }
}

/** Returns the number of bytes; 0 when there is no room. */
function putParts(thrown: Thrown, room: Uint8Array): number {
  const bytes = serializeStructured(thrown)
  if (1 + bytes.length > room.length) return 0
  room[0] = PARTS
  room.set(bytes, 1)
  return 1 + bytes.length
}

function putText(text: string, room: Uint8Array): number {
  if (room.length === 0) return 0
  // Encode whole characters only, and into memory of our own, because `room` may be shared.
  const bytes = new Uint8Array(Math.min(room.length - 1, 3 * text.length))
  const { written } = new TextEncoder().encodeInto(text, bytes)
  room[0] = TEXT
  room.set(bytes.subarray(0, written), 1)
  return 1 + written
}

function withNested(error: ErrorParts, change: (inner: ErrorParts) => ErrorParts): ErrorParts {
  const inside = (thrown: Thrown): Thrown => {
    return thrown.kind === 'error' ? withNested(change(thrown), change) : thrown
  }
  return {
    ...error,
    nested: error.nested.map(([name, thrown]) => [name, inside(thrown)]),
    errors: error.errors?.map(inside) ?? null,
  }
}
