/*
 * What rfaas reads of a shared library for Linux (ELF): which functions it exports. Reading runs nothing of it.
 */

/** Names of functions have to be UTF-8 and of this length. */
const NAME_BYTES_MAX = 255
const HEADER_BYTES = 64
const SECTION_BYTES = 64
const SYMBOL_BYTES = 24

const DYNSYM = 11
/** STT_FUNC, and STT_GNU_IFUNC: a function of which the library chooses a version for this processor. */
const FUNCTION_TYPES: readonly number[] = [2, 10]
/** STB_GLOBAL and STB_WEAK. */
const BINDINGS: readonly number[] = [1, 2]
/** STV_DEFAULT and STV_PROTECTED. */
const VISIBILITIES: readonly number[] = [0, 3]

/** What is wrong with a library without functions, as the end of a sentence. */
export const NO_NATIVE_FUNCTION =
  'the library exports no function; write `uint32_t f(void *in, uint32_t size, void *out)`, in C++ behind extern "C"'

/** Whether these are the first bytes of an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
}

/**
 * The names of the functions that a shared library exports, sorted. Without those that begin with an underscore: they are
 * of the C runtime (`_init`), or have the mangled name of a C++ function (`_Z3sumPvjS_`). And without those with a dot, which
 * compilers make (`sum.resolver`).
 *
 * @throws {RangeError} when it is no library of 64 bits in little-endian order, or is damaged
 */
export function exportedFunctions(file: Uint8Array): string[] {
  if (!isElf(file)) throw new RangeError('it is not an ELF file')
  if (file.length < HEADER_BYTES) throw new RangeError('it ends in its header')
  if (file[4] !== 2) throw new RangeError('it is for 32 bits')
  if (file[5] !== 1) throw new RangeError('it is for big-endian processors')
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const names = new Set<string>()
  const table = symbolTableOf(view)
  if (table === null) return []
  for (let at = table.begin; at + SYMBOL_BYTES <= table.end; at += SYMBOL_BYTES) {
    const info = view.getUint8(at + 4)
    const isExported = BINDINGS.includes(info >> 4) && VISIBILITIES.includes(view.getUint8(at + 5) & 3)
    // Section 0 is that of functions which it uses from other libraries.
    const isDefined = view.getUint16(at + 6, true) !== 0
    if (!isExported || !isDefined || !FUNCTION_TYPES.includes(info & 15)) continue
    const name = textAt(file, table.names.begin + view.getUint32(at, true), table.names.end)
    if (/^[^_.][^.]*$/.test(name)) names.add(name)
  }
  return [...names].sort()
}

interface Range {
  readonly begin: number
  readonly end: number
}

/** The table of dynamic symbols, of which a library has one, and the place of their names. null: it has none. */
function symbolTableOf(view: DataView): (Range & { names: Range }) | null {
  const begin = offsetAt(view, 40)
  const count = view.getUint16(60, true)
  if (count === 0 || view.getUint16(58, true) !== SECTION_BYTES) throw new RangeError('it has no list of its sections')
  const section = (index: number): number => begin + index * SECTION_BYTES
  if (section(count) > view.byteLength) throw new RangeError('it ends in the list of its sections')
  const rangeOf = (at: number): Range => {
    const from = offsetAt(view, at + 24)
    const range = { begin: from, end: from + offsetAt(view, at + 32) }
    if (range.end > view.byteLength) throw new RangeError('it ends in one of its sections')
    return range
  }
  for (let index = 0; index < count; index++) {
    const at = section(index)
    if (view.getUint32(at + 4, true) !== DYNSYM) continue
    const names = view.getUint32(at + 40, true)
    if (names >= count) throw new RangeError('its symbols have no names')
    return { ...rangeOf(at), names: rangeOf(section(names)) }
  }
  return null
}

/** A number of 64 bits that is a place in the file, or a length. */
function offsetAt(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(view.byteLength)) throw new RangeError('it ends before its sections')
  return Number(value)
}

/** The text that ends with a zero byte; empty when it is too long for a name, or no UTF-8. */
function textAt(file: Uint8Array, begin: number, end: number): string {
  const length = file.subarray(begin, Math.min(end, begin + NAME_BYTES_MAX + 1)).indexOf(0)
  if (length < 1) return ''
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(begin, begin + length))
  } catch {
    return ''
  }
}
