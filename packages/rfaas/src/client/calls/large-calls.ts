import type { SlotLayout } from '../../protocol/slots.ts'
import type { SpareRoom } from '../../protocol/spare-room.ts'
import { RfaasError } from '../../errors.ts'
import { reasonOf } from '../../thrown.ts'
import { payloadTooLarge } from './payload-too-large.ts'
import type { RemoteFunction } from './wire.ts'

/**
 * Encodes an input into `room`; returns the number of bytes written, or, when there is no room, minus the number of bytes
 * needed minus one.
 */
export type Encode = (room: Uint8Array) => number

/** An invocation whose input does not fit into its slot, or an item of an argument that streams. */
export interface LargeCall {
  readonly f: RemoteFunction
  readonly slot: number
  /** Bytes of the input. */
  readonly byteLength: number
  readonly encode: Encode
  /** Of an item: why it cannot be sent. */
  readonly refused?: (error: RfaasError) => void
}

/** The invocations and items of one worker that wait until they can use the spare room, in order. */
export class LargeCalls {
  readonly #spare: SpareRoom
  readonly #layout: SlotLayout
  #waiting: LargeCall[] = []

  constructor(spare: SpareRoom, layout: SlotLayout) {
    this.#spare = spare
    this.#layout = layout
  }

  get length(): number {
    return this.#waiting.length
  }

  add(call: LargeCall): void {
    this.#waiting.push(call)
  }

  /** Takes out the next call that may use the spare room now; null: there is none, or the room is taken. */
  next(): LargeCall | null {
    return this.#spare.isTaken ? null : (this.#waiting.shift() ?? null)
  }

  /** Takes out the call of this slot, or, with `isItem`, its item. @returns whether it waited */
  remove(slot: number, isItem: boolean = false): boolean {
    const at = this.#waiting.findIndex((call) => call.slot === slot && (call.refused !== undefined) === isItem)
    if (at >= 0) this.#waiting.splice(at, 1)
    return at >= 0
  }

  /** Takes out everything. @returns the calls among it */
  removeAll(): LargeCall[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting.filter(({ refused }) => refused === undefined)
  }

  /**
   * Encodes the input into the spare room, which is taken from then on.
   *
   * @param room of the slot, for an input that has become smaller
   * @throws {RfaasError} `payload_too_large`, and what the encoding throws
   */
  encode({ f, byteLength, encode }: LargeCall, room: Uint8Array): number {
    if (byteLength > this.#layout.payloadBytesLargest) throw payloadTooLarge(f, byteLength, this.#layout)
    let large: Uint8Array
    try {
      large = this.#spare.outbound(byteLength)
    } catch (cause) {
      const sentence = `Cannot invoke ${f.name} with ${byteLength} bytes: ${reasonOf(cause)}`
      throw new RfaasError('payload_too_large', sentence, { cause })
    }
    const bytes = encode(large)
    if (bytes < 0) throw payloadTooLarge(f, -bytes - 1, this.#layout)
    if (bytes > room.length) this.#spare.isTaken = true
    else room.set(large.subarray(0, bytes))
    return bytes
  }
}
