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

const ofBuffers = new WeakMap<ArrayBufferLike, MemoryViews>()
/** By a view of the memory: to read the `buffer` of a view takes five times as long as to find the view here. */
const ofRooms = new WeakMap<Uint8Array, MemoryViews>()

/**
 * Views of the memory in which a room lies: a position in the room plus `room.byteOffset` is one in these. For rooms that
 * are used again and again, as those of a connection's slots are.
 */
export function memoryOf(room: Uint8Array): MemoryViews {
  const known = ofRooms.get(room)
  if (known !== undefined) return known
  const { buffer } = room
  let views = ofBuffers.get(buffer)
  if (views === undefined) ofBuffers.set(buffer, (views = new MemoryViews(buffer)))
  ofRooms.set(room, views)
  return views
}
