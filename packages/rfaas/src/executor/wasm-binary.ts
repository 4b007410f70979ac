/*
 * What rfaas reads of a WebAssembly binary, and changes in it: the types of its functions, which the JavaScript interface does
 * not tell, and the limits of its memory.
 */

/** `i32`, `i64`, `f32`, `f64`, or a type of which JavaScript has no number, such as `v128` or `externref`. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'other'

export interface Signature {
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
}

/** Limits of a memory, in pages of 64 KiB. */
export interface MemoryLimits {
  readonly min: number
  /** Infinity: none. */
  readonly max: number
  readonly isShared: boolean
}

export interface WasmBinary {
  /** The functions that the module exports, by name. */
  readonly functions: ReadonlyMap<string, Signature>
  /** Of the memories that it imports, by `module.name`. */
  readonly importedMemories: ReadonlyMap<string, MemoryLimits>
  /** The same binary, in which each memory of the module has a maximum. */
  readonly bounded: Uint8Array<ArrayBuffer>
  /** The largest minimum of its own and its imported memories, in pages. */
  readonly minPages: number
}

export const PAGE_BYTES = 65_536

const VALUE_TYPES: Record<number, ValueType> = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64' }
const [TYPES, IMPORTS, FUNCTIONS, MEMORIES, EXPORTS] = [1, 2, 3, 5, 7]
const UNKNOWN: Signature = { parameters: ['other'], results: [] }

/** Whether these are the first bytes of a WebAssembly binary. */
export function isWasm(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d
}

/**
 * Reads a binary, which the caller has validated.
 *
 * @param maxPages of each memory
 * @throws {RangeError} when it has parts that this reader does not know
 */
export function readWasm(binary: Uint8Array<ArrayBuffer>, maxPages: number): WasmBinary {
  const functions = new Map<string, Signature>()
  const importedMemories = new Map<string, MemoryLimits>()
  const types: Signature[] = []
  /** The type of each function: first those that are imported. */
  const typeOf: number[] = []
  const parts: Uint8Array[] = [binary.subarray(0, 8)]
  let minPages = 0
  const reader = new Reader(binary, 8)
  while (!reader.isAtEnd) {
    const begin = reader.at
    const id = reader.byte()
    const end = reader.u32() + reader.at
    const payload = reader.at
    let part = binary.subarray(begin, end)
    if (id === TYPES) reader.each(() => types.push(readType(reader)))
    else if (id === IMPORTS) {
      reader.each(() => {
        const name = `${reader.name()}.${reader.name()}`
        const kind = reader.byte()
        if (kind === 0) typeOf.push(reader.u32())
        else if (kind === 1) {
          reader.byte()
          readLimits(reader)
        } else if (kind === 2) {
          const limits = readLimits(reader)
          minPages = Math.max(minPages, limits.min)
          importedMemories.set(name, { ...limits, max: Math.min(limits.max, maxPages) })
        } else if (kind === 3) reader.skip(2)
        else throw new RangeError(`an import of kind ${kind} is not supported`)
      })
    } else if (id === FUNCTIONS) reader.each(() => typeOf.push(reader.u32()))
    else if (id === MEMORIES) {
      const bounded: number[] = []
      const count = reader.each(() => {
        const { min, max, isShared } = readLimits(reader)
        minPages = Math.max(minPages, min)
        bounded.push(isShared ? 3 : 1, ...leb(min), ...leb(Math.max(min, Math.min(max, maxPages))))
      })
      const body = [...leb(count), ...bounded]
      part = Uint8Array.of(MEMORIES, ...leb(body.length), ...body)
    } else if (id === EXPORTS) {
      reader.each(() => {
        const name = reader.name()
        const kind = reader.byte()
        const index = reader.u32()
        if (kind === 0) functions.set(name, types[typeOf[index]!] ?? UNKNOWN)
      })
    }
    parts.push(part)
    reader.at = Math.max(end, payload)
  }
  return { functions, importedMemories, bounded: new Uint8Array(Buffer.concat(parts)), minPages }
}

function readType(reader: Reader): Signature {
  const form = reader.byte()
  if (form !== 0x60) throw new RangeError(`a type of form 0x${form.toString(16)} is not supported`)
  const values = (): ValueType[] => {
    const all: ValueType[] = []
    reader.each(() => {
      const code = reader.byte()
      // References to types of the module: `(ref null $t)`.
      if (code === 0x63 || code === 0x64) reader.u32()
      all.push(VALUE_TYPES[code] ?? 'other')
    })
    return all
  }
  return { parameters: values(), results: values() }
}

function readLimits(reader: Reader): MemoryLimits {
  const flags = reader.byte()
  if (flags > 3) throw new RangeError('a memory of 64 bits is not supported')
  const min = reader.u32()
  return { min, max: (flags & 1) === 1 ? reader.u32() : Infinity, isShared: (flags & 2) === 2 }
}

/** A number as WebAssembly encodes it (unsigned LEB128). */
function leb(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) + 128)
  }
}

class Reader {
  at: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw new RangeError('it ends in the middle')
    return byte
  }

  skip(bytes: number): void {
    this.at += bytes
  }

  u32(): number {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = this.byte()
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }

  name(): string {
    const length = this.u32()
    this.at += length
    return Buffer.from(this.#bytes.subarray(this.at - length, this.at)).toString('utf8')
  }

  /** Reads the elements of a vector. @returns their number */
  each(read: () => void): number {
    const count = this.u32()
    for (let n = 0; n < count; n++) read()
    return count
  }
}
