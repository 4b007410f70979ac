/** Fields of an object that has a shape, at most. */
const FIELDS_MAX = 255
/** Bytes of the names of a shape, at most. */
const NAMES_BYTES_MAX = 4096
/** Characters of one name, at most. */
const NAME_CHARS_MAX = 255
/** When so many families are kept, or read shapes, all are forgotten: a program has a few, unless it invents them. */
const FAMILIES_MAX = 128
const READ_SHAPES_MAX = 512
/** Shapes of one family that are kept, and recent lists of names that were seen once. */
const SHAPES_PER_FAMILY = 16
const SEEN_PER_FAMILY = 4

/**
 * The names of an object's fields, in their order. Most objects that a program sends have one of a few shapes, so the
 * names are converted once.
 */
export class Shape {
  readonly keys: readonly string[]
  /** Whether there is another member of this name in every object, so that an assignment may not make a field. */
  readonly isSpecial: boolean
  /** As in a message (compact-format.ts), padded to a multiple of 4 bytes; null when they cannot be written so. */
  readonly names: DataView | null
  readonly byteLength: number
  readonly hash: number
  /** The last message in which the shape was written, and its number there. Set and used by the encoder. */
  message = 0
  number = 0

  constructor(keys: readonly string[], names: DataView | null) {
    this.keys = keys
    this.isSpecial = keys.some((key) => key in Object.prototype)
    this.names = names
    this.byteLength = names === null ? 0 : names.byteLength
    this.hash = names === null ? 0 : hashOf(names)
  }
}

/** Shapes whose objects have the same first field. */
interface Family {
  readonly shapes: Shape[]
  nextShape: number
  /** Lists of names that were seen once. */
  readonly seen: (readonly string[])[]
  nextSeen: number
}

/** The shapes that an encoder knows, by their keys. */
export class WrittenShapes {
  readonly #families = new Map<string, Family>()
  #last = new Shape([], null)

  /** The shape with these keys, or null when they are seen for the first time or can be no shape. */
  find(keys: readonly string[]): Shape | null {
    const shape = isSame(this.#last.keys, keys) ? this.#last : this.#look(keys)
    return shape === null || shape.names === null ? null : shape
  }

  #look(keys: readonly string[]): Shape | null {
    // Not even kept: a dictionary may be large.
    if (namesBytes(keys) > NAMES_BYTES_MAX) return null
    const family = this.#familyOf(keys[0] ?? '')
    const { shapes, seen } = family
    for (let i = 0; i < shapes.length; i++) if (isSame(shapes[i]!.keys, keys)) return (this.#last = shapes[i]!)
    // Only now that they come again: a dictionary has other names each time.
    for (let i = 0; i < seen.length; i++) {
      if (!isSame(seen[i]!, keys)) continue
      this.#last = new Shape(keys, namesOf(keys))
      shapes[family.nextShape++ % SHAPES_PER_FAMILY] = this.#last
      return this.#last
    }
    seen[family.nextSeen++ % SEEN_PER_FAMILY] = keys
    return null
  }

  #familyOf(key: string): Family {
    const known = this.#families.get(key)
    if (known !== undefined) return known
    if (this.#families.size >= FAMILIES_MAX) this.#families.clear()
    const family: Family = { shapes: [], nextShape: 0, seen: [], nextSeen: 0 }
    this.#families.set(key, family)
    return family
  }
}

/** The shapes that a decoder knows, by the hash that their writer gives. A wrong hash only costs time. */
export class ReadShapes {
  readonly #shapes = new Map<number, Shape>()

  /**
   * The shape whose names are the `bytes` bytes from `at` on, which nobody changes meanwhile.
   *
   * @throws {RangeError} when these are not the names of `fields` fields, or are equal
   */
  find(hash: number, fields: number, view: DataView, at: number, bytes: number): Shape {
    const known = this.#shapes.get(hash)
    if (known !== undefined && known.keys.length === fields && isWritten(known, view, at, bytes)) return known
    const shape = readShape(fields, view, at, bytes)
    if (this.#shapes.size >= READ_SHAPES_MAX) this.#shapes.clear()
    this.#shapes.set(hash, shape)
    return shape
  }
}

function readShape(fields: number, view: DataView, at: number, bytes: number): Shape {
  const names = Buffer.from(new ArrayBuffer(bytes))
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + at, bytes).copy(names)
  // As keys of an object, which makes V8 compare them by their addresses from then on.
  const object = Object.create(null) as Record<string, unknown>
  const keys: string[] = []
  for (let name = 0, begin = 0; name < fields; name++) {
    const end = begin + 1 + (names[begin] ?? Infinity)
    if (end > bytes) throw new RangeError('The names of a shape end within a name')
    const key = names.toString('latin1', begin + 1, end)
    object[key] = null
    keys.push(key)
    begin = end
  }
  const own = Object.keys(object)
  if (own.length !== fields) throw new RangeError('Two fields have the same name')
  // Names that are indices come first in `own`, whatever their order in the message.
  const isInOrder = isSame(own, keys)
  return new Shape(isInOrder ? own : keys, new DataView(names.buffer))
}

function isWritten({ names, byteLength }: Shape, view: DataView, at: number, bytes: number): boolean {
  if (byteLength !== bytes) return false
  for (let i = 0; i < bytes; i += 4) if (names!.getInt32(i) !== view.getInt32(at + i)) return false
  return true
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  const { length } = some
  if (length !== others.length) return false
  for (let i = 0; i < length; i++) if (some[i] !== others[i]) return false
  return true
}

/** What the names take in a message; Infinity when they are too many, or one is too long. */
function namesBytes(keys: readonly string[]): number {
  if (keys.length > FIELDS_MAX) return Infinity
  let bytes = 0
  for (const key of keys) {
    bytes += 1 + key.length
    if (key.length > NAME_CHARS_MAX) return Infinity
  }
  return bytes
}

/** The names as in a message; null when one is not Latin-1. They are not too many or too long. */
function namesOf(keys: readonly string[]): DataView | null {
  const names = new Uint8Array(Math.ceil(namesBytes(keys) / 4) * 4)
  let at = 0
  for (const key of keys) {
    names[at++] = key.length
    for (let i = 0; i < key.length; i++) {
      const char = key.charCodeAt(i)
      if (char > 0xff) return null
      names[at++] = char
    }
  }
  return new DataView(names.buffer)
}

/** FNV-1a, by words. */
function hashOf(names: DataView): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < names.byteLength; i += 4) hash = Math.imul(hash ^ names.getInt32(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
