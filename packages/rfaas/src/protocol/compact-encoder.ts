import { types } from 'node:util'

import { VALUE_DEPTH_MAX } from './limits.ts'
import { mayHaveNamedFields } from './cloneable.ts'
import * as Format from './compact-format.ts'
import { isInt32, numbersItem, widthOf } from './compact-numbers.ts'
import { isKnownClass, isPlain } from './instances.ts'
import { memoryOf, type MemoryViews } from './memory-views.ts'
import { WrittenShapes, type Shape } from './shapes.ts'
import { bytesOf, kindOf } from './views.ts'

/** Objects up to this number are compared one by one to find one that occurs twice; more are kept in a Set. */
const LISTED_MAX = 8

const { KEY_IS_TEXT, KEYS_END, SHAPE_HEAD_BYTES, SHORT_TEXT_CHARS_MAX } = Format
const shapes = new WrittenShapes()
/** Messages begun in this thread. */
let messages = 0
const getTime = Date.prototype.getTime
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/**
 * Writes values in the compact format (compact-format.ts): undefined, null, booleans, numbers, bigints of 64 bits, texts,
 * dates, views, ArrayBuffers, and arrays and plain objects of these. It reads the fields of a value in the order in which
 * V8's serializer does, so that getters are called in the same order.
 *
 * What it cannot write so that a structured clone of it arrives is not compact: everything else, arrays with holes or
 * named fields, and values in which an object occurs twice.
 */
export class CompactEncoder {
  #room: Uint8Array = new Uint8Array(0)
  /** Views of all of the memory in which the room lies; positions are positions in it. */
  #memory: MemoryViews = memoryOf(this.#room)
  #bytes: Uint8Array = this.#memory.bytes
  #view: DataView = this.#memory.view
  /** Where the room begins and ends. */
  #begin = 0
  #end = 0
  /** Where the next item goes. Beyond the room nothing is written, but counted. */
  #at = 0
  /** What lies behind the stream. */
  #blobs: Uint8Array[] = []
  #blobBytes = 0
  /** The first objects of the message. */
  readonly #listed: object[] = new Array<object>(LISTED_MAX).fill(this)
  #listedCount = 0
  #seen: Set<object> | null = null
  /** The number of this message, and how many shapes it has. */
  #message = 0
  #shapes = 0

  /** Begins a message, whose first `headBytes` bytes are the caller's. */
  begin(room: Uint8Array, headBytes: number): void {
    if (room !== this.#room) {
      this.#room = room
      this.#memory = memoryOf(room)
      this.#bytes = this.#memory.bytes
      this.#view = this.#memory.view
      this.#begin = room.byteOffset
      this.#end = this.#begin + room.length
    }
    this.#at = this.#begin + headBytes
    this.#shapes = 0
    this.#message = ++messages
    // The last message may have been given up.
    this.#forget()
  }

  /**
   * Appends a value; false when it is not compact. What was written is then void.
   *
   * @throws what getters of the value throw
   */
  write(value: unknown): boolean {
    return this.#value(value, 1)
  }

  /** How many bytes of the message are written. */
  get written(): number {
    return this.#at - this.#begin
  }

  /** Ends the stream; returns the bytes of the message, which are more than the room's when it does not fit. */
  end(): number {
    const bytes = this.#blobs.length === 0 ? this.written : this.#endWithBlobs()
    this.#forget()
    return bytes
  }

  /** Holds on to nothing of the program's. */
  #forget(): void {
    for (let i = 0; i < this.#listedCount; i++) this.#listed[i] = this
    this.#listedCount = this.#blobBytes = 0
    if (this.#blobs.length > 0) this.#blobs = []
    this.#seen = null
  }

  #endWithBlobs(): number {
    const blobs = this.#blobs
    const room = this.#room
    const isRoom = this.written + this.#blobBytes <= room.length
    let end = this.written
    for (let i = 0; i < blobs.length; i++) {
      const at = Format.aligned(end)
      end = at + blobs[i]!.length
      if (isRoom && end <= room.length) room.set(blobs[i]!, at)
    }
    return end
  }

  #value(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'number':
        this.#number(value)
        return true
      case 'string':
        this.#text(value)
        return true
      case 'boolean':
        this.#byte(value ? Format.TRUE : Format.FALSE)
        return true
      case 'undefined':
        this.#byte(Format.UNDEFINED)
        return true
      case 'object':
        if (value !== null) return this.#object(value, depth)
        this.#byte(Format.NULL)
        return true
      case 'bigint':
        return this.#bigint(value)
      default:
        return false
    }
  }

  #byte(byte: number): void {
    const at = this.#at++
    if (at < this.#end) this.#bytes[at] = byte
  }

  /** Takes room for so many bytes; returns where it is, or -1 when there is none. */
  #take(bytes: number): number {
    const at = this.#at
    this.#at = at + bytes
    return this.#at <= this.#end ? at : -1
  }

  /** Writes an item's byte and a uint32. */
  #head(item: number, length: number): void {
    const at = this.#take(5)
    if (at < 0) return
    this.#bytes[at] = item
    this.#view.setUint32(at + 1, length, true)
  }

  #number(value: number): void {
    if (!isInt32(value)) return this.#float64(Format.FLOAT64, value)
    const isInt8 = value >= -128 && value <= 127
    const at = this.#take(isInt8 ? 2 : 5)
    if (at < 0) return
    this.#bytes[at] = isInt8 ? Format.INT8 : Format.INT32
    if (isInt8) this.#bytes[at + 1] = value
    else this.#view.setInt32(at + 1, value, true)
  }

  #float64(item: number, value: number): void {
    const at = this.#take(9)
    if (at < 0) return
    this.#bytes[at] = item
    this.#view.setFloat64(at + 1, value, true)
  }

  #bigint(value: bigint): boolean {
    if (value < INT64_MIN || value > INT64_MAX) return false
    const at = this.#take(9)
    if (at < 0) return true
    this.#bytes[at] = Format.BIGINT64
    this.#view.setBigInt64(at + 1, value, true)
    return true
  }

  #text(text: string): void {
    if (text.length > SHORT_TEXT_CHARS_MAX || !this.#short(Format.SHORT_TEXT, text)) this.#long(text)
  }

  /** Writes a text of Latin-1 after its length; false when it has other characters. */
  #short(item: number, text: string): boolean {
    const { length } = text
    const bytes = this.#bytes
    let at = this.#at
    if (item >= 0) at++
    const end = at + 1 + length
    // Far from the end of the room, nearly always.
    const isRoom = end <= this.#end
    if (isRoom) {
      if (item >= 0) bytes[at - 1] = item
      bytes[at] = length
    }
    for (let i = 0; i < length; i++) {
      const char = text.charCodeAt(i)
      if (char > 0xff) return false
      if (isRoom) bytes[at + 1 + i] = char
    }
    this.#at = end
    return true
  }

  #long(text: string): void {
    const { length } = text
    const utf8Bytes = Buffer.byteLength(text)
    let item: number = Format.UTF8
    let bytes = utf8Bytes
    if (utf8Bytes === length) item = Format.LATIN1
    else if (utf8Bytes > 2 * length || !text.isWellFormed()) {
      item = Format.UTF16
      bytes = 2 * length
    }
    this.#head(item, bytes)
    const at = this.#take(bytes)
    if (at < 0) return
    const { texts } = this.#memory
    if (item === Format.LATIN1) texts.write(text, at, bytes, 'latin1')
    else if (item === Format.UTF8) texts.write(text, at, bytes, 'utf8')
    else texts.write(text, at, bytes, 'utf16le')
  }

  #object(value: object, depth: number): boolean {
    if (depth > VALUE_DEPTH_MAX || this.#isSeen(value)) return false
    // The other classes below cannot be imitated, and `isArray` and `getPrototypeOf` look through a Proxy.
    if (ArrayBuffer.isView(value)) return this.#viewOf(value)
    if (types.isProxy(value)) return false
    if (Array.isArray(value)) return this.#array(value, depth)
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype === Object.prototype) return this.#fields(value, depth)
    if (prototype === Date.prototype && types.isDate(value)) return this.#date(value)
    if (prototype === ArrayBuffer.prototype && types.isArrayBuffer(value)) return this.#buffer(value)
    if (prototype === null) return !types.isModuleNamespaceObject(value) && this.#fields(value, depth)
    return isKnownClass(prototype) && !types.isExternal(value) && this.#fields(value, depth)
  }

  #isSeen(value: object): boolean {
    const listed = this.#listed
    const count = this.#listedCount
    for (let i = 0; i < count; i++) if (listed[i] === value) return true
    if (count < LISTED_MAX) {
      listed[count] = value
      this.#listedCount = count + 1
      return false
    }
    const seen = (this.#seen ??= new Set())
    const { size } = seen
    return seen.add(value).size === size
  }

  #fields(value: object, depth: number): boolean {
    // With `for … in` V8 was seen to compile the loops below again and again.
    const keys = Object.keys(value)
    // What is no plain object but has the prototype of one has no fields in most cases. Boxed texts and the arguments of
    // a function have indices.
    if ((keys.length === 0 || keys[0] === '0') && !isPlain(value)) return false
    const shape = shapes.find(keys)
    return shape === null ? this.#namedFields(value, keys, depth) : this.#shapedFields(value, shape, depth)
  }

  #shapedFields(value: object, shape: Shape, depth: number): boolean {
    const { keys } = shape
    this.#shape(shape)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const member = (value as Record<string, unknown>)[key]
      if (typeof member === 'number') this.#number(member)
      else if (member === undefined && !Object.hasOwn(value, key)) this.#byte(Format.ABSENT)
      else if (!this.#value(member, depth + 1)) return false
    }
    return true
  }

  /** Begins an object of this shape. */
  #shape(shape: Shape): void {
    if (shape.message === this.#message) {
      this.#byte(Format.SAME_SHAPE)
      this.#byte(shape.number)
      return
    }
    // The shapes beyond these are written each time.
    if (this.#shapes < Format.SHAPES_MAX) {
      shape.message = this.#message
      shape.number = this.#shapes
    }
    this.#shapes++
    const { byteLength } = shape
    const names = shape.names!
    const at = this.#take(SHAPE_HEAD_BYTES + byteLength)
    if (at < 0) return
    const view = this.#view
    this.#bytes[at] = Format.SHAPED
    this.#bytes[at + 1] = shape.keys.length
    view.setUint16(at + 2, byteLength, true)
    view.setInt32(at + 4, shape.hash, true)
    for (let i = 0; i < byteLength; i += 4) view.setInt32(at + SHAPE_HEAD_BYTES + i, names.getInt32(i))
  }

  #namedFields(value: object, keys: readonly string[], depth: number): boolean {
    this.#byte(Format.OBJECT)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const member = (value as Record<string, unknown>)[key]
      // A getter has removed the field.
      if (member === undefined && !Object.hasOwn(value, key)) continue
      if (key.length > SHORT_TEXT_CHARS_MAX || !this.#short(-1, key)) {
        this.#byte(KEY_IS_TEXT)
        this.#text(key)
      }
      if (!this.#value(member, depth + 1)) return false
    }
    this.#byte(KEYS_END)
    return true
  }

  #array(array: unknown[], depth: number): boolean {
    const { length } = array
    const item = numbersItem(array)
    if (item === Format.ARRAY) {
      this.#head(item, length)
      for (let i = 0; i < length; i++) {
        const element = array[i]
        if (element === undefined && !Object.hasOwn(array, i)) return false
        if (!this.#value(element, depth + 1)) return false
      }
    } else if (!this.#numbers(item, array, length)) return false
    return !mayHaveNamedFields(array)
  }

  /** Writes an array of numbers; false when a getter has made it something else. */
  #numbers(item: number, array: unknown[], length: number): boolean {
    const width = widthOf(item)
    this.#head(item, length)
    let at = this.#take(width * length)
    if (at < 0) return true
    const view = this.#view
    for (let i = 0; i < length; i++, at += width) {
      const number = array[i]
      if (typeof number !== 'number') return false
      if (width === 8) view.setFloat64(at, number, true)
      else if (width === 1) view.setInt8(at, number)
      else if (width === 2) view.setInt16(at, number, true)
      else view.setInt32(at, number, true)
    }
    return true
  }

  #date(value: Date): boolean {
    this.#float64(Format.DATE, getTime.call(value))
    return true
  }

  #viewOf(view: ArrayBufferView): boolean {
    // A view without bytes may be one of a buffer that is detached, or has shrunk.
    if (view.byteLength === 0 && !isWhole(view.buffer)) return false
    this.#byte(Format.VIEW)
    this.#head(kindOf(view), view.byteLength)
    this.#blob(bytesOf(view))
    return true
  }

  #buffer(buffer: ArrayBuffer): boolean {
    if (!isWhole(buffer)) return false
    this.#head(Format.BUFFER, buffer.byteLength)
    this.#blob(new Uint8Array(buffer))
    return true
  }

  #blob(bytes: Uint8Array): void {
    this.#blobs.push(bytes)
    this.#blobBytes += bytes.length
  }
}

/** Whether nothing is special about the buffer: it is not detached, and cannot change its size. */
function isWhole(buffer: ArrayBufferLike): boolean {
  return buffer instanceof ArrayBuffer ? !buffer.detached && !buffer.resizable : !buffer.growable
}
