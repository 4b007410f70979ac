import { RfaasError, toRfaasError } from '../../errors.ts'
import { onAbort } from './abort.ts'
import type { Channel, RemoteFunction, Waiter } from './channel.ts'
import { rejectWithFrames } from './reject.ts'

/** Several invocations that are waited for together. */
export class Batch {
  left = 0
  /** Of the first that failed. */
  error: RfaasError | null = null
  readonly onDone: ((error: RfaasError | null) => void) | null

  /** @param onDone called when none is left, with the first failure */
  constructor(onDone: ((error: RfaasError | null) => void) | null) {
    this.onDone = onDone
  }

  done(error: RfaasError | null): void {
    this.error ??= error
    if (--this.left === 0) this.onDone?.(this.error)
  }
}

const NOTHING = new Uint8Array(0)

/**
 * Room for one input in a worker's memory: fill `input` in place and invoke, as often as you like. Nothing is copied.
 * The result of an invocation is in place too, valid until the slot is used again or released.
 */
export class Slot implements Disposable {
  /** Ours to fill between invocations; the function reads these very bytes. */
  readonly input: Uint8Array
  /** The result of the last invocation that succeeded, in place; empty before the first, and after one that failed. */
  output: Uint8Array = NOTHING
  /** @internal Of which lease it is. */
  readonly owner: object
  /** @internal */
  readonly channel: Channel
  /** @internal */
  readonly index: number
  readonly #waiter: SlotWaiter
  #released = false

  /** @internal */
  constructor(owner: object, channel: Channel, index: number, byteLength: number) {
    this.owner = owner
    this.channel = channel
    this.index = index
    this.input = channel.input(index).subarray(0, byteLength)
    this.#waiter = new SlotWaiter(this)
  }

  /** @internal Refuses what cannot be sent now. */
  check(byteLength: number): void {
    const isWhole = byteLength >>> 0 === byteLength
    const isFree = !this.#released && !this.channel.isInFlight(this.index)
    if (!isWhole || byteLength > this.input.length || !isFree) this.#refuse(byteLength)
  }

  /** @internal */
  invokeSync(f: RemoteFunction, byteLength: number): Uint8Array {
    try {
      return (this.output = this.channel.invokeSync(f, this.index, byteLength))
    } catch (error) {
      this.output = NOTHING
      throw error
    }
  }

  /** @internal */
  invoke(f: RemoteFunction, byteLength: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const waiter = this.#waiter
    const result = new Promise(waiter.take)
    this.channel.invoke(f, this.index, byteLength, waiter)
    if (signal) waiter.unlisten = onAbort(signal, `Cannot await ${f.name}`, (error) => waiter.abort(error))
    return result
  }

  /** @internal All of the input, as one invocation of several. */
  invokeIn(batch: Batch, f: RemoteFunction): void {
    batch.left++
    try {
      // The same slot twice would be one that is in flight.
      this.check(this.input.length)
      this.channel.invoke(f, this.index, this.input.length, this.#waiter.of(batch))
    } catch (error) {
      batch.done(toRfaasError(error))
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

  #refuse(byteLength: number): never {
    if (this.#released) throw new RfaasError('invalid_argument', 'Cannot invoke: the slot is released')
    if (this.channel.isInFlight(this.index)) {
      throw new RfaasError('invalid_argument', 'Cannot invoke: the slot is in flight; reserve one slot per invocation')
    }
    const sentence = `Cannot invoke with ${byteLength} bytes: the slot was reserved for ${this.input.length}`
    throw new RfaasError('payload_too_large', sentence)
  }
}

/** Hears of a slot's invocations; made once, so that an invocation allocates nothing but its promise. */
class SlotWaiter implements Waiter {
  /** Set while the invocation can be aborted. */
  unlisten: (() => void) | null = null
  readonly #slot: Slot
  #batch: Batch | null = null
  #resolve: (output: Uint8Array) => void = () => {}
  /** What a promise is made with that waits for the next invocation. */
  readonly take = (resolve: (output: Uint8Array) => void): void => {
    this.#batch = null
    this.#resolve = resolve
  }

  constructor(slot: Slot) {
    this.#slot = slot
  }

  /** The next invocation is one of a batch. */
  of(batch: Batch): this {
    this.#batch = batch
    return this
  }

  settled(output: Uint8Array): void {
    this.#slot.output = output
    this.#unlisten()
    if (this.#batch) this.#batch.done(null)
    else this.#resolve(output)
  }

  failed(error: RfaasError): void {
    this.#slot.output = NOTHING
    this.#unlisten()
    if (this.#batch) this.#batch.done(error)
    else this.#reject(error)
  }

  /** Whoever waits hears of it now; the slot is in flight until the worker has answered. */
  abort(error: RfaasError): void {
    this.#unlisten()
    this.#reject(error)
  }

  #reject(error: RfaasError): void {
    rejectWithFrames(this.#resolve, error)
  }

  #unlisten(): void {
    this.unlisten?.()
    this.unlisten = null
  }
}
