import { takeApart, type ErrorParts, type Thrown } from './failure.ts'
import { deserializeStructured, serializeStructured } from './structured.ts'

/*
 * A failure as the payload of a result: one byte that says what follows, then the thrown value taken apart, in the
 * structured clone format, or as text where there is no room for that.
 */
const PARTS = 1
const TEXT = 2

/** Encoded, a field that tells what kind of failure it is (`code`, `errno`, `status`) takes no more than this. */
const SMALL_FIELD_BYTES = 64

/** What is left out of an error that has no room, one after the other: from the outside in. */
const REDUCTIONS: readonly ((error: ErrorParts) => ErrorParts)[] = [
  (error) => withNested(error, (inner) => ({ ...inner, fields: [] })),
  (error) => withNested(error, (inner) => ({ ...inner, stack: '' })),
  (error) => ({ ...error, stack: '' }),
  (error) => ({ ...error, nested: [], errors: null }),
  (error) => ({ ...error, fields: error.fields.filter(([, value]) => value.length <= SMALL_FIELD_BYTES) }),
  (error) => ({ ...error, fields: [] }),
]

/** Encodes what a function has thrown; of what has no room as much as fits. Never throws. @returns its bytes */
export function encodeThrown(value: unknown, room: Uint8Array): number {
  try {
    let thrown = takeApart(value, room.length)
    const byteLength = putParts(thrown, room)
    if (byteLength > 0) return byteLength
    // Then as it is printed.
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
    // Such as no memory. The caller is told that no details came.
    return 0
  }
}

/** Encodes a sentence of ours; as much of it as there is room for. Never throws. @returns its bytes */
export function encodeSentence(sentence: string, room: Uint8Array): number {
  return putText(`\n${sentence}`, room)
}

/**
 * @param payload a copy, see peer-bytes.ts
 * @returns what the peer says of a failure, to be checked; null when it says nothing that can be read
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

/** 0 when there is no room. */
function putParts(thrown: Thrown, room: Uint8Array): number {
  const bytes = serializeStructured(thrown)
  if (1 + bytes.length > room.length) return 0
  room[0] = PARTS
  room.set(bytes, 1)
  return 1 + bytes.length
}

function putText(text: string, room: Uint8Array): number {
  if (room.length === 0) return 0
  // Whole characters only; and in memory of our own, because the room may be shared.
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
