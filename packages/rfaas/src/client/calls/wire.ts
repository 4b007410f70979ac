import type { Connection } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import {
  CLOSE_STREAM,
  MESSAGE_ID,
  MESSAGE_PAYLOAD_BYTES,
  MESSAGE_STATUS,
  PayloadViews,
  type SlotLayout,
} from '../../protocol/slots.ts'
import { decodeFailure, STATUS_OK } from '../../protocol/status.ts'

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
  readonly #payloadBytesMax: number
  readonly #received: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  /** Id of the last invocation of each slot, where the worker cannot write. The result must carry the same id. */
  readonly #ids: Int32Array
  #id = 0

  constructor(connection: Connection, layout: SlotLayout) {
    this.#connection = connection
    this.#payloadBytesMax = layout.payloadBytesMax
    this.#received = connection.received
    this.#inputs = new PayloadViews(connection.outbound, layout)
    this.#outputs = new PayloadViews(connection.inbound, layout)
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

  /** Says that the client wants no more items of the stream in the slot. Returns and throws as {@link submit} does. */
  closeStream(slot: number): boolean {
    return this.#connection.write(0, 0, CLOSE_STREAM + slot)
  }

  /** The memory of a slot's result, in full length. */
  output(slot: number): Uint8Array {
    return this.#outputs.whole(slot)
  }

  /** The result of a slot in place, valid until the slot is used again. */
  outputBytes(slot: number, byteLength: number): Uint8Array {
    return this.#outputs.first(slot, byteLength)
  }

  /**
   * How many bytes the result has whose immediate was polled last.
   *
   * @throws {RfaasError} what the function threw; `internal` when the worker is broken
   */
  result(f: RemoteFunction, slot: number): number {
    const received = this.#received
    const isOurs = received[MESSAGE_ID] === this.#ids[slot]
    const status = received[MESSAGE_STATUS]!
    const bytes = received[MESSAGE_PAYLOAD_BYTES]!
    if (!isOurs || status !== STATUS_OK || bytes >>> 0 > this.#payloadBytesMax)
      this.#refuse(f, slot, isOurs, status, bytes)
    return bytes
  }

  /** Says what is wrong with a result: the function threw, or the worker is broken. */
  #refuse(f: RemoteFunction, slot: number, isOurs: boolean, status: number, bytes: number): never {
    const action = `Cannot read the result of ${f.name}`
    const outcome = 'unknown'
    if (!isOurs) throw new RfaasError('internal', `${action}: it answers another invocation`, { outcome })
    if (bytes < 0 || bytes > this.#payloadBytesMax) {
      throw new RfaasError('internal', `${action}: it claims ${bytes} bytes`, { outcome })
    }
    throw decodeFailure(status, this.#outputs.first(slot, bytes), f.name)
  }
}
