import { RfaasError } from '../errors.ts'
import type { Channel } from './channel.ts'

/**
 * Room for one input in a worker's memory: fill `input` in place and invoke, as often as you like. Nothing is copied.
 * The result of an invocation is in place too, valid until the slot is used again or released.
 */
export class Slot implements Disposable {
  /** Ours to fill between invocations; the function reads these very bytes. */
  readonly input: Uint8Array
  /** @internal Of which lease it is. */
  readonly owner: object
  /** @internal */
  readonly channel: Channel
  /** @internal */
  readonly index: number
  #released = false

  /** @internal */
  constructor(owner: object, channel: Channel, index: number, byteLength: number) {
    this.owner = owner
    this.channel = channel
    this.index = index
    this.input = channel.input(index).subarray(0, byteLength)
  }

  /** @internal Refuses what cannot be sent now. */
  check(byteLength: number): void {
    if (this.#released) throw new RfaasError('invalid_argument', 'Cannot invoke: the slot is released')
    if (this.channel.isInFlight(this.index)) {
      throw new RfaasError('invalid_argument', 'Cannot invoke: the slot is in flight; reserve one slot per invocation')
    }
    if (!(byteLength >= 0 && byteLength <= this.input.length) || !Number.isInteger(byteLength)) {
      const sentence = `Cannot invoke with ${byteLength} bytes: the slot was reserved for ${this.input.length}`
      throw new RfaasError('payload_too_large', sentence)
    }
  }

  /**
   * Gives the slot back. Releasing twice is fine.
   *
   * @throws {RfaasError} `invalid_argument` while an invocation is in flight in it
   */
  release(): void {
    if (this.#released) return
    if (this.channel.isInFlight(this.index)) {
      throw new RfaasError('invalid_argument', 'Cannot release a slot that is in flight')
    }
    this.#released = true
    this.channel.give(this.index)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
