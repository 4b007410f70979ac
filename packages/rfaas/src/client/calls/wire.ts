import type { Connection } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import { CANCELLABLE, cancelImmediate, type CancelReason } from '../../protocol/cancel.ts'
import {
  CLOSE_STREAM,
  HEADER_BYTES,
  MESSAGE_ID,
  MESSAGE_PAYLOAD_BYTES,
  MESSAGE_STATUS,
  PayloadViews,
  type SlotLayout,
} from '../../protocol/slots.ts'
import type { SpareRoom } from '../../protocol/spare-room.ts'
import { decodeFailure, STATUS_OK } from '../../protocol/status.ts'
import { ITEMS_SENT, ITEMS_SENT_LARGE } from '../../protocol/streamed-argument.ts'

/** A function as its executor numbers it. */
export interface RemoteFunction {
  readonly name: string
  readonly index: number
  readonly raw: boolean
  /** Whether it is a generator function, called through a {@link StreamCall}. Default false. */
  readonly streams?: boolean
}

/** Writes invocations into one worker's slots and reads their results, in place. Never waits, allocates nothing. */
export class Wire {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #payloadBytesMax: number
  readonly #payloadBytesLargest: number
  readonly #spare: SpareRoom
  readonly #received: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  /** Id of the last invocation of each slot, where the worker cannot write. The result must carry the same id. */
  readonly #ids: Int32Array
  #id = 0

  /** @param takeLarge copies a result out of the spare room */
  constructor(
    connection: Connection,
    layout: SlotLayout,
    spare: SpareRoom,
    takeLarge: (byteLength: number) => Uint8Array,
  ) {
    this.#connection = connection
    this.#layout = layout
    this.#payloadBytesMax = layout.payloadBytesMax
    this.#payloadBytesLargest = layout.payloadBytesLargest
    this.#spare = spare
    this.#received = connection.received
    this.#inputs = new PayloadViews(connection.outbound, layout)
    this.#outputs = new PayloadViews(connection.inbound, layout, takeLarge)
    this.#ids = new Int32Array(layout.slots)
  }

  /** Number of the last invocation; it wraps. */
  get lastId(): number {
    return this.#id
  }

  /** The memory for a slot's input, in full length. */
  input(slot: number): Uint8Array {
    return this.#inputs.whole(slot)
  }

  /**
   * Sends the invocation whose input lies in the slot.
   *
   * @returns false when the fabric has no room for it now; nothing was sent
   * @throws {FabricError} `lost`, `closed`
   */
  submit(f: RemoteFunction, slot: number, byteLength: number): boolean {
    const id = (this.#id = (this.#id + 1) | 0)
    this.#ids[slot] = id
    return this.#connection.send(slot, byteLength, id, f.index, byteLength)
  }

  /**
   * The last `submit` was in vain. So the number of an invocation says how many were sent up to it, over this connection.
   */
  unsend(): void {
    this.#id = (this.#id - 1) | 0
  }

  /** Whether the invocation that was sent last in a slot was sent after the first `count` of this connection. */
  isAfter(slot: number, count: number): boolean {
    return ((this.#ids[slot]! - count) | 0) > 0
  }

  /** As {@link submit}, for an input to which the time left was added (cancel.ts). */
  submitCancellable(f: RemoteFunction, slot: number, byteLength: number): boolean {
    const id = (this.#id = (this.#id + 1) | 0)
    this.#ids[slot] = id
    return this.#connection.send(slot, byteLength, id, f.index | CANCELLABLE, byteLength)
  }

  /**
   * Cancels the last invocation of a slot.
   *
   * @returns false when the fabric has no room for it now; nothing was sent
   * @throws {FabricError} `lost`, `closed`
   */
  cancel(slot: number, reason: CancelReason): boolean {
    return this.#connection.write(0, 0, cancelImmediate(slot, this.#ids[slot]!, reason))
  }

  /** Id of the last invocation of a slot. */
  idOf(slot: number): number {
    return this.#ids[slot]!
  }

  /** As {@link submit}, for an input that lies in the spare room. */
  submitLarge(f: RemoteFunction, slot: number, byteLength: number): boolean {
    const id = (this.#id = (this.#id + 1) | 0)
    this.#ids[slot] = id
    return this.#spare.send(slot, byteLength, id, f.index)
  }

  /**
   * Sends a message of items for the argument that streams in the slot. It lies there, or, when it is larger, in the spare
   * room. Returns and throws as {@link submit} does.
   */
  sendItems(slot: number, byteLength: number): boolean {
    const { payloadBytesMax, slotBytes, windowBytes } = this.#layout
    if (byteLength > payloadBytesMax) return this.#connection.write(windowBytes, byteLength, ITEMS_SENT_LARGE + slot)
    return this.#connection.write(slot * slotBytes + HEADER_BYTES, byteLength, ITEMS_SENT + slot)
  }

  /** Says that the client wants no more items of the stream in the slot. Returns and throws as {@link submit} does. */
  closeStream(slot: number): boolean {
    return this.#connection.write(0, 0, CLOSE_STREAM + slot)
  }

  /** The memory of a slot's result, in full length. */
  output(slot: number): Uint8Array {
    return this.#outputs.whole(slot)
  }

  /**
   * The result of a slot in place, valid until the slot is used again. A result that is larger than a slot is a copy.
   */
  outputBytes(slot: number, byteLength: number): Uint8Array {
    return this.#outputs.first(slot, byteLength)
  }

  /**
   * How many bytes the result has whose immediate was polled last. More than a slot has: it lies in the spare room.
   *
   * @throws {RfaasError} what the function threw; `internal` when the worker is broken
   */
  result(f: RemoteFunction, slot: number): number {
    const received = this.#received
    const isOurs = received[MESSAGE_ID] === this.#ids[slot]
    const status = received[MESSAGE_STATUS]!
    const bytes = received[MESSAGE_PAYLOAD_BYTES]!
    if (!isOurs || status !== STATUS_OK || bytes >>> 0 > this.#payloadBytesMax)
      return this.#unusual(f, slot, isOurs, status, bytes)
    return bytes
  }

  /** The result is in the spare room; or the function threw, or the worker is broken. */
  #unusual(f: RemoteFunction, slot: number, isOurs: boolean, status: number, bytes: number): number {
    const action = `Cannot read the result of ${f.name}`
    const outcome = 'unknown'
    if (!isOurs) throw new RfaasError('internal', `${action}: it answers another invocation`, { outcome })
    if (status === STATUS_OK && bytes > this.#payloadBytesMax && bytes <= this.#payloadBytesLargest) {
      this.#spare.hasArrived = true
      // Here, so that a mapping that is refused fails this invocation.
      this.#spare.inbound(bytes)
      return bytes
    }
    if (bytes < 0 || bytes > this.#payloadBytesMax) {
      throw new RfaasError('internal', `${action}: it claims ${bytes} bytes`, { outcome })
    }
    throw decodeFailure(status, this.#outputs.first(slot, bytes), f.name)
  }
}
