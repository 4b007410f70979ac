/** The kinds of views (typed arrays, DataView, Buffer), and how one is made from its bytes. */

type ViewConstructor = new (buffer: ArrayBuffer) => ArrayBufferView

/** The kinds of views; a message names a kind by its index here, so only append to the list. */
const VIEW_NAMES = [
  ...['Buffer', 'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array'],
  ...['Uint32Array', 'Float16Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'],
]
const BUFFER = VIEW_NAMES.indexOf('Buffer')
const DATA_VIEW = VIEW_NAMES.indexOf('DataView')
const CONSTRUCTORS = VIEW_NAMES.map((name) => (globalThis as Record<string, unknown>)[name] as ViewConstructor)
const KINDS: ReadonlyMap<string, number> = new Map(VIEW_NAMES.map((name, kind) => [name, kind]))

/** `%TypedArray%.prototype[Symbol.toStringTag]`: the kind of a typed array, which a subclass cannot misstate. */
const kindOfTypedArray = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)!.get!

/** The number of the view's kind, for {@link makeView}. */
export function kindOf(view: ArrayBufferView): number {
  const kind = kindOfTypedArray.call(view) as string | undefined
  if (kind === undefined) return DATA_VIEW
  return kind === 'Uint8Array' && Buffer.isBuffer(view) ? BUFFER : KINDS.get(kind)!
}

/** The bytes of a view. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/**
 * A view of all of `buffer`.
 *
 * @throws {TypeError} when there is no such kind
 * @throws {RangeError} when the buffer does not hold a whole number of elements
 */
export function makeView(kind: number, buffer: ArrayBuffer): ArrayBufferView {
  const make = CONSTRUCTORS[kind]
  if (make === undefined) throw new TypeError(`There is no view of kind ${kind}`)
  return kind === BUFFER ? Buffer.from(buffer) : new make(buffer)
}
