import { VALUE_DEPTH_MAX } from './limits.ts'
import * as Format from './compact-format.ts'
import { widthOf } from './compact-numbers.ts'
import { memoryOf } from './memory-views.ts'
import { copyPeerBytes } from './peer-bytes.ts'
import { ReadShapes, type Shape } from './shapes.ts'
import { makeView } from './views.ts'

/** Streams up to this size are copied to memory that is kept; larger ones get memory of their own. */
const SCRATCH_BYTES = 4096
/** Characters of a text that is put together from its characters, which is faster for the shortest. */
const TINY_CHARS_MAX = 16

/** Bytes of a stream that are copied word by word, which is faster for the shortest. */
const COPIED_BYTES_MAX = 256

const { KEY_IS_TEXT, KEYS_END, SHAPE_HEAD_BYTES } = Format
const scratch = Buffer.from(new ArrayBuffer(SCRATCH_BYTES))
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, SCRATCH_BYTES)
const shapes = new ReadShapes()
const PLAIN = Object.prototype as object

/**
 * Reads the items of a stream in the compact format (compact-format.ts). The bytes may be anything: what is no stream
 * throws an error. Every length is checked against the bytes that are left before anything is made for it.
 *
 * The stream is copied first, because the peer may change it meanwhile; the bytes of views, which lie behind the stream,
 * are copied once, into their own ArrayBuffers.
 */
export class CompactDecoder {
  readonly #room: Uint8Array
  readonly #byteLength: number
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #end: number
  #at = 0
  /** Where in the room the bytes of the next view lie. */
  #blobAt: number
  /** The shapes of this message. */
  #shapes: Shape[] | null = null

  /**
   * @param room begins with the message; not read any more after the last call of {@link read}
   * @param byteLength of the message
   * @throws {RangeError} when the message is shorter than the stream is to be
   */
  constructor(room: Uint8Array, byteLength: number, streamAt: number, streamBytes: number) {
    const end = streamAt + streamBytes
    if (end > byteLength) throw new RangeError(`The stream has ${streamBytes} bytes`)
    if (streamBytes <= SCRATCH_BYTES) {
      if (streamBytes > COPIED_BYTES_MAX) scratch.set(room.subarray(streamAt, end))
      else copyWords(room, streamAt, streamBytes)
      this.#bytes = scratch
      this.#view = scratchView
    } else {
      const { buffer } = copyPeerBytes(room.subarray(streamAt, end))
      this.#bytes = Buffer.from(buffer)
      this.#view = new DataView(buffer)
    }
    this.#room = room
    this.#byteLength = byteLength
    this.#end = streamBytes
    this.#blobAt = end
  }

  /** Whether everything was read. */
  get isOver(): boolean {
    return this.#at === this.#end && this.#blobAt === this.#byteLength
  }

  /** Whether the stream has another item. */
  get hasMore(): boolean {
    return this.#at < this.#end
  }

  /** @throws {Error} of some kind when the bytes are no item */
  read(): unknown {
    return this.#value(1)
  }

  /** Takes `bytes` of the stream; returns where they are. */
  #take(bytes: number): number {
    const at = this.#at
    if (bytes > this.#end - at) throw new RangeError('The stream ends within an item')
    this.#at = at + bytes
    return at
  }

  /** Takes a length. Each of what it counts takes at least `width` bytes of the stream. */
  #length(width: number): number {
    const length = this.#view.getUint32(this.#take(4), true)
    if (length * width > this.#end - this.#at) throw new RangeError(`A length of ${length} is beyond the stream`)
    return length
  }

  #value(depth: number): unknown {
    const item = this.#bytes[this.#take(1)]
    switch (item) {
      case Format.UNDEFINED:
        return undefined
      case Format.NULL:
        return null
      case Format.FALSE:
        return false
      case Format.TRUE:
        return true
      case Format.INT8:
        return this.#view.getInt8(this.#take(1))
      case Format.INT32:
        return this.#view.getInt32(this.#take(4), true)
      case Format.FLOAT64:
        return this.#view.getFloat64(this.#take(8), true)
      case Format.BIGINT64:
        return this.#view.getBigInt64(this.#take(8), true)
      case Format.DATE:
        return new Date(this.#view.getFloat64(this.#take(8), true))
      case Format.SHAPED:
        return this.#fields(this.#shape(), depth)
      case Format.SAME_SHAPE:
        return this.#fields(this.#sameShape(), depth)
      case Format.OBJECT:
        return this.#object(depth)
      case Format.ARRAY:
        return this.#array(depth)
      case Format.INT8S:
      case Format.INT16S:
      case Format.INT32S:
      case Format.FLOAT64S:
        return this.#numbers(item)
      case Format.VIEW:
        return this.#viewOf(this.#bytes[this.#take(1)]!)
      case Format.BUFFER:
        return this.#blob()
      default:
        return this.#text(item!)
    }
  }

  #text(item: number): string {
    if (item === Format.SHORT_TEXT) {
      const length = this.#bytes[this.#take(1)]!
      return this.#latin1(this.#take(length), length)
    }
    if (item !== Format.LATIN1 && item !== Format.UTF8 && item !== Format.UTF16) throw new TypeError(`Item ${item}`)
    const length = this.#length(1)
    const at = this.#take(length)
    const encoding = item === Format.LATIN1 ? 'latin1' : item === Format.UTF8 ? 'utf8' : 'utf16le'
    return this.#bytes.toString(encoding, at, at + length)
  }

  #latin1(at: number, length: number): string {
    const bytes = this.#bytes
    return length <= TINY_CHARS_MAX ? tinyText(bytes, at, at + length) : bytes.toString('latin1', at, at + length)
  }

  /** Takes the shape of an object. */
  #shape(): Shape {
    const at = this.#take(SHAPE_HEAD_BYTES - 1)
    const view = this.#view
    const bytes = view.getUint16(at + 1, true)
    if (bytes % 4 !== 0) throw new RangeError(`The names of a shape have ${bytes} bytes`)
    const shape = shapes.find(view.getInt32(at + 3, true), this.#bytes[at]!, view, this.#take(bytes), bytes)
    if (this.#shapes === null) this.#shapes = [shape]
    else this.#shapes.push(shape)
    return shape
  }

  #sameShape(): Shape {
    const number = this.#bytes[this.#take(1)]!
    const shape = this.#shapes?.[number]
    if (shape === undefined) throw new RangeError(`The message has no shape ${number}`)
    return shape
  }

  #fields({ keys, isSpecial }: Shape, depth: number): object {
    if (depth > VALUE_DEPTH_MAX) throw new RangeError('Nested too deep')
    const object: Record<string, unknown> = {}
    for (let i = 0; i < keys.length; i++) {
      if (this.#bytes[this.#at] === Format.ABSENT) this.#at++
      else if (isSpecial) define(object, keys[i]!, this.#value(depth + 1))
      else object[keys[i]!] = this.#value(depth + 1)
    }
    return object
  }

  #object(depth: number): object {
    if (depth > VALUE_DEPTH_MAX) throw new RangeError('Nested too deep')
    const object: Record<string, unknown> = {}
    for (;;) {
      const length = this.#bytes[this.#take(1)]!
      if (length === KEYS_END) return object
      const key = this.#key(length)
      const value = this.#value(depth + 1)
      // Such as `__proto__` or `constructor`: an assignment would not always make a field of its own.
      if (key in PLAIN) define(object, key, value)
      else object[key] = value
    }
  }

  #key(length: number): string {
    return length === KEY_IS_TEXT ? this.#text(this.#bytes[this.#take(1)]!) : this.#latin1(this.#take(length), length)
  }

  #array(depth: number): unknown[] {
    if (depth > VALUE_DEPTH_MAX) throw new RangeError('Nested too deep')
    const length = this.#length(1)
    const array: unknown[] = []
    for (let i = 0; i < length; i++) array.push(this.#value(depth + 1))
    return array
  }

  #numbers(item: number): number[] {
    const width = widthOf(item)
    const length = this.#length(width)
    let at = this.#take(length * width)
    const view = this.#view
    const array: number[] = []
    for (let i = 0; i < length; i++, at += width) {
      if (width === 8) array.push(view.getFloat64(at, true))
      else if (width === 1) array.push(view.getInt8(at))
      else if (width === 2) array.push(view.getInt16(at, true))
      else array.push(view.getInt32(at, true))
    }
    return array
  }

  #viewOf(kind: number): ArrayBufferView {
    return makeView(kind, this.#blob())
  }

  #blob(): ArrayBuffer {
    const length = this.#view.getUint32(this.#take(4), true)
    const at = Format.aligned(this.#blobAt)
    if (length > this.#byteLength - at) throw new RangeError(`A view of ${length} bytes is beyond the message`)
    this.#blobAt = at + length
    return copyPeerBytes(this.#room.subarray(at, at + length)).buffer
  }
}

const { fromCharCode } = String

/** Many characters at once, because each `+` makes a string. */
function tinyText(bytes: Buffer, begin: number, end: number): string {
  let text = ''
  let at = begin
  const char = (i: number): number => bytes[at + i]!
  for (; end - at >= 8; at += 8)
    text += fromCharCode(char(0), char(1), char(2), char(3), char(4), char(5), char(6), char(7))
  if (end - at >= 4) {
    text += fromCharCode(char(0), char(1), char(2), char(3))
    at += 4
  }
  if (end - at >= 2) {
    text += fromCharCode(char(0), char(1))
    at += 2
  }
  return end > at ? text + fromCharCode(char(0)) : text
}

/** Copies a few bytes to `scratch`. */
function copyWords(room: Uint8Array, at: number, bytes: number): void {
  const { view } = memoryOf(room)
  const from = room.byteOffset + at
  const words = bytes & ~3
  for (let i = 0; i < words; i += 4) scratchView.setInt32(i, view.getInt32(from + i))
  for (let i = words; i < bytes; i++) scratchView.setInt8(i, view.getInt8(from + i))
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}
