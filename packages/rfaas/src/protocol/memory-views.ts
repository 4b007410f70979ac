/** Views of all of the memory in which some bytes lie. To make them takes longer than to encode most values. */
export class MemoryViews {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly texts: Buffer

  constructor(buffer: ArrayBufferLike) {
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.texts = Buffer.from(buffer as ArrayBuffer)
  }
}

/** The memory of a connection is one object for its life. */
const known = new WeakMap<ArrayBufferLike, MemoryViews>()
/** What was asked for last; to compare is faster than to read the `buffer` of a typed array. */
let lastBytes: Uint8Array = new Uint8Array(0)
let last = new MemoryViews(lastBytes.buffer)

/** Views of the memory of these bytes: a position in it is one in `bytes` plus `bytes.byteOffset`. */
export function memoryOf(bytes: Uint8Array): MemoryViews {
  if (bytes === lastBytes) return last
  const { buffer } = bytes
  let views = known.get(buffer)
  if (views === undefined) known.set(buffer, (views = new MemoryViews(buffer)))
  lastBytes = bytes
  return (last = views)
}
