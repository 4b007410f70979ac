import { PAYLOAD_BYTES_MAX, SLOTS_MAX, WINDOW_BYTES_MAX } from './limits.ts'
import { RfaasError } from '../errors.ts'

/**
 * The memory of one channel, the same in both directions: `slots` slots, each HEADER_BYTES for the fabric and room for
 * a payload. An invocation is sent from a slot of the client's outbound window; its result comes back in the slot of
 * the same number of the inbound window. Both are messages of the fabric: a slot, a payload and three words.
 *
 *     word  invocation            result
 *     0     id                    the same id
 *     1     function's index      status
 *     2     bytes of payload      bytes of payload
 *
 * Ids count the invocations of a channel. They may wrap: at most one invocation is in flight per slot, and its answer
 * must bear its id, so an answer would have to be two to the power of 32 invocations late to be taken for another.
 *
 * Words are int32 in the byte order of the machine: rfaas runs between little-endian machines only.
 */
/** Bytes that the fabric reserves in front of each payload; equal to the fabric's constant of the same name. */
export const HEADER_BYTES = 64
export const MESSAGE_ID = 0
export const MESSAGE_FUNCTION = 1
export const MESSAGE_STATUS = 1
export const MESSAGE_PAYLOAD_BYTES = 2

/**
 * An immediate that names no slot. A worker sends it as its last write: all that it received is answered, and what is
 * not answered did not run.
 */
export const FAREWELL: number = SLOTS_MAX

/* Immediates of a client that name no slot are cancels, see cancel.ts. */
/** A large payload lies in the spare room (spare-room.ts); its message follows. */
export const LARGE_SENT: number = SLOTS_MAX + 1

/** The receiver has taken the large payload: the spare room is free again. */
export const LARGE_TAKEN: number = SLOTS_MAX + 2

/**
 * This plus a slot is an immediate, too: the client wants no more items of the stream in that slot (stream-items.ts). It has
 * no words, because the words of the slot's request may not have been read yet, and no answer of its own: the answer to
 * that request, or to the next one, ends the stream.
 */
export const CLOSE_STREAM: number = SLOTS_MAX + 3

const PAGE_BYTES = 4096

export interface SlotLayout {
  slots: number
  payloadBytesMax: number
  /** Bytes from the beginning of one slot to that of the next. */
  slotBytes: number
  windowBytes: number
  /** Largest payload: what does not fit into a slot goes through the spare room. Equal to the above when there is none. */
  payloadBytesLargest: number
  /** Bytes of the spare room behind the slots. */
  spareBytes: number
  /**
   * Depth of the fabric's queues of immediates. Generous: while a queue is known to have room, a writer need not check.
   * Each slot has at most three messages on their way: an invocation, items of its argument, and the close of its stream.
   */
  depth: number
}

const DEPTH_MIN = 64
/** The deepest queue that fabrics have. */
const DEPTH_MAX = SLOTS_MAX

/**
 * @param payloadBytesLargest default: no payload is larger than a slot
 * @throws {RfaasError} `invalid_argument` when a bound of limits.ts is not kept
 */
export function slotLayout(
  slots: number,
  payloadBytesMax: number,
  payloadBytesLargest: number = payloadBytesMax,
): SlotLayout {
  if (!Number.isInteger(slots) || slots < 1 || slots > SLOTS_MAX) {
    throw new RfaasError('invalid_argument', `Cannot lay out slots: slots must be 1 to ${SLOTS_MAX}, not ${slots}`)
  }
  if (!Number.isInteger(payloadBytesMax) || payloadBytesMax < 1 || payloadBytesMax > PAYLOAD_BYTES_MAX) {
    const range = `1 to ${PAYLOAD_BYTES_MAX}`
    throw new RfaasError(
      'invalid_argument',
      `Cannot lay out slots: payloadBytesMax must be ${range}, not ${payloadBytesMax}`,
    )
  }
  const slotBytes = HEADER_BYTES + Math.ceil(payloadBytesMax / 64) * 64
  const windowBytes = slots * slotBytes
  if (windowBytes > WINDOW_BYTES_MAX) {
    const needed = `${slots} slots of ${payloadBytesMax} bytes need ${windowBytes} bytes`
    throw new RfaasError(
      'invalid_argument',
      `Cannot lay out slots: ${needed}, a worker's window has at most ${WINDOW_BYTES_MAX}`,
    )
  }
  if (
    !Number.isInteger(payloadBytesLargest) ||
    payloadBytesLargest < payloadBytesMax ||
    payloadBytesLargest > largestMax(payloadBytesMax, windowBytes)
  ) {
    const range = `${payloadBytesMax} to ${largestMax(payloadBytesMax, windowBytes)}`
    throw new RfaasError(
      'invalid_argument',
      `Cannot lay out slots: the largest payload must have ${range} bytes, not ${payloadBytesLargest}`,
    )
  }
  const isSpare = payloadBytesLargest > payloadBytesMax
  const spareBytes = isSpare ? Math.ceil(payloadBytesLargest / PAGE_BYTES) * PAGE_BYTES : 0
  // Room for a cancel of each invocation, too, instead of the close.
  const depth = Math.min(Math.max(3 * slots, DEPTH_MIN), DEPTH_MAX)
  return { slots, payloadBytesMax, slotBytes, windowBytes, payloadBytesLargest, spareBytes, depth }
}

/** The largest payload for which a window has room behind its slots. */
function largestMax(payloadBytesMax: number, windowBytes: number): number {
  const room = Math.floor((WINDOW_BYTES_MAX - windowBytes) / PAGE_BYTES) * PAGE_BYTES
  return Math.max(payloadBytesMax, Math.min(PAYLOAD_BYTES_MAX, room))
}

/**
 * The largest payload of a lease whose payloads grow: what its memory has beside the slots of all workers, in both
 * directions, and at most PAYLOAD_BYTES_MAX.
 */
export function largestPayload(
  { payloadBytesMax, windowBytes }: SlotLayout,
  workers: number,
  memoryMib: number,
): number {
  const left = Math.floor(memoryMib * 2 ** 20 - 2 * windowBytes * workers)
  return Math.max(payloadBytesMax, Math.min(left, largestMax(payloadBytesMax, windowBytes)))
}

/** The geometry of the fabric's connection for a layout, the same on both sides. */
export function geometryOf({ windowBytes, slotBytes, spareBytes, depth }: SlotLayout): {
  outboundBytes: number
  inboundBytes: number
  depth: number
  slotBytes: number
  spareBytes: number
} {
  return { outboundBytes: windowBytes, inboundBytes: windowBytes, depth, slotBytes, spareBytes }
}

/**
 * MiB that the windows of `workers` workers take when they are full, in both directions. A lease must have this memory.
 */
export function windowsMib(layout: SlotLayout, workers: number): number {
  return Math.ceil((2 * layout.windowBytes * workers) / 2 ** 20)
}

/** Describes these windows in words, for the error when a lease has too little memory for them. */
export function windowsSentence({ slots, payloadBytesMax }: SlotLayout, workers: number): string {
  return `${slots} slots of ${payloadBytesMax} bytes each way for each of ${workers} workers`
}

/**
 * Views of the payloads of one window. The last view of each slot is kept: nothing is allocated for a repeated length.
 */
export class PayloadViews {
  readonly #beyond: ((byteLength: number) => Uint8Array) | null
  readonly #window: ArrayBufferLike
  readonly #layout: SlotLayout
  readonly #whole: Uint8Array[] = []
  readonly #last: Uint8Array[] = []

  /** @param beyond gives the payload that is larger than a slot. Default: there is none */
  constructor(window: ArrayBufferLike, layout: SlotLayout, beyond: ((byteLength: number) => Uint8Array) | null = null) {
    this.#beyond = beyond
    this.#window = window
    this.#layout = layout
    for (let slot = 0; slot < layout.slots; slot++) {
      const view = new Uint8Array(window, slot * layout.slotBytes + HEADER_BYTES, layout.payloadBytesMax)
      this.#whole.push(view)
      this.#last.push(view)
    }
  }

  /** The whole payload room of a slot. */
  whole(slot: number): Uint8Array {
    return this.#whole[slot]!
  }

  /** The first `byteLength` bytes of that room. The caller has checked that they fit. */
  first(slot: number, byteLength: number): Uint8Array {
    const last = this.#last[slot]!
    return last.length === byteLength ? last : this.#make(slot, byteLength)
  }

  #make(slot: number, byteLength: number): Uint8Array {
    if (this.#beyond !== null && byteLength > this.#layout.payloadBytesMax) return this.#beyond(byteLength)
    const view = new Uint8Array(this.#window, slot * this.#layout.slotBytes + HEADER_BYTES, byteLength)
    this.#last[slot] = view
    return view
  }
}
