import { RfaasError, toRfaasError } from '../../errors.ts'
import type { CancelReason } from '../../protocol/cancel.ts'
import { abortedError, cancelReasonOf, onAbort } from './abort.ts'
import type { Batch } from './batch.ts'
import type { Channel } from './channel.ts'
import type { Waiter } from './waiter.ts'
import { rejectWithFrames } from './reject.ts'
import type { RemoteFunction } from './wire.ts'

const NOTHING = new Uint8Array(0)

/**
 * Room for one input in a worker's memory: fill `input` in place and invoke, as often as you like. Nothing is copied.
 * The result of an invocation is in place too, valid until the slot is used again or released.
 */
export class Slot implements Disposable {
  /** The caller's to fill between invocations; the function reads these very bytes. */
  readonly input: Uint8Array
  /** The result of the last invocation that succeeded, in place; empty before the first, and after one that failed. */
  output: Uint8Array = NOTHING
  /** @internal What may invoke it: the {@link InPlace} of its lease; null when an update of the lease has replaced its worker. */
  owner: object | null
  /** @internal */
  readonly channel: Channel
  /** @internal */
  readonly index: number
  readonly #waiter: SlotWaiter
  #isReleased = false

  /** @internal */
  constructor(owner: object, channel: Channel, index: number, byteLength: number) {
    this.owner = owner
    this.channel = channel
    this.index = index
    this.input = channel.input(index).subarray(0, byteLength)
    this.#waiter = new SlotWaiter(this)
  }

  /**
   * The input as elements of another type: `slot.view(Float64Array)[0] = 0.5`. It begins where `input` begins, and has
   * as many whole elements as fit.
   */
  view<V extends ArrayBufferView>(View: SlotViewConstructor<V>): V {
    return viewOf(View, this.input)
  }

  /** The result of the last invocation that succeeded, as {@link view}; valid as long as {@link output}. */
  outputView<V extends ArrayBufferView>(View: SlotViewConstructor<V>): V {
    return viewOf(View, this.output)
  }

  /** @internal Whether {@link release} was called. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  /** @internal Refuses what cannot be sent now. */
  check(byteLength: number): void {
    const isWhole = byteLength >>> 0 === byteLength
    const isFree = !this.#isReleased && !this.channel.isInFlight(this.index)
    if (!isWhole || byteLength > this.input.length || !isFree) this.#refuse(byteLength)
  }

  /** @internal */
  invokeSync(f: RemoteFunction, byteLength: number): Uint8Array {
    try {
      const resultBytes = this.channel.invokeSync(f, this.index, byteLength)
      return (this.output = this.channel.outputBytes(this.index, resultBytes))
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
    if (signal) waiter.abortOn(signal, f)
    return result
  }

  /** @internal Sends all of the input, as one invocation of a batch. */
  invokeIn(batch: Batch, f: RemoteFunction): void {
    batch.left++
    try {
      // Also refuses a slot that is in the batch twice: it is already in flight.
      this.check(this.input.length)
      this.channel.invoke(f, this.index, this.input.length, this.#waiter.of(batch))
    } catch (error) {
      batch.done(toRfaasError(error).withOutcome('not_run'))
    }
  }

  /** @internal The invocation in flight is not awaited any more; the slot stays taken until the worker has answered. */
  abandon(reason: CancelReason): void {
    this.channel.abandon(this.index, reason)
  }

  /**
   * Gives the slot back: at once, or, while an invocation is in flight in it (an aborted one, for instance), when the
   * worker has answered. If that invocation is still awaited, it resolves to a copy of its result. Releasing twice is
   * fine.
   */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (!this.channel.isInFlight(this.index)) this.channel.unreserve(this.index)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  #refuse(byteLength: number): never {
    const outcome = 'not_run'
    if (this.#isReleased) throw new RfaasError('invalid_argument', 'Cannot invoke: the slot is released', { outcome })
    if (this.channel.isInFlight(this.index)) {
      const sentence = 'Cannot invoke: the slot is in flight; reserve one slot per invocation'
      throw new RfaasError('invalid_argument', sentence, { outcome })
    }
    const sentence = `Cannot invoke with ${byteLength} bytes: the slot was reserved for ${this.input.length}`
    throw new RfaasError('payload_too_large', sentence, { outcome })
  }
}

/** `Float64Array` and any other typed array, or `DataView`. */
export interface SlotViewConstructor<V extends ArrayBufferView> {
  readonly BYTES_PER_ELEMENT?: number
  new (buffer: ArrayBuffer, byteOffset: number, length: number): V
}

/** Slots begin at a multiple of 64 bytes, so every element is aligned. */
function viewOf<V extends ArrayBufferView>(View: SlotViewConstructor<V>, bytes: Uint8Array): V {
  const length = Math.floor(bytes.length / (View.BYTES_PER_ELEMENT ?? 1))
  return new View(bytes.buffer as ArrayBuffer, bytes.byteOffset, length)
}

/** Receives the results of a slot's invocations; made once, so that an invocation allocates nothing but its promise. */
class SlotWaiter implements Waiter {
  readonly #slot: Slot
  /** Set while the invocation can be aborted. */
  #unlisten: (() => void) | null = null
  #batch: Batch | null = null
  #resolve: (output: Uint8Array) => void = () => {}
  /** Passed to the constructor of the promise that waits for the next invocation. */
  readonly take = (resolve: (output: Uint8Array) => void): void => {
    this.#batch = null
    this.#resolve = resolve
  }

  constructor(slot: Slot) {
    this.#slot = slot
  }

  /** Makes the next invocation one of a batch. */
  of(batch: Batch): this {
    this.#batch = batch
    return this
  }

  /** Rejects as soon as the signal fires; the slot is in flight until the worker has answered. */
  abortOn(signal: AbortSignal, f: RemoteFunction): void {
    this.#unlisten = onAbort(signal, () => {
      this.#stopListening()
      this.#slot.abandon(cancelReasonOf(signal))
      this.#reject(abortedError(`Cannot await ${f.name}`, signal, 'unknown'))
    })
  }

  settled(byteLength: number): void {
    const { channel, index, isReleased } = this.#slot
    const payload = channel.outputBytes(index, byteLength)
    // A released slot is reused from now on, so its result is copied.
    const output = isReleased ? payload.slice() : payload
    this.#end(output)
    if (this.#batch) this.#batch.done(null)
    else this.#resolve(output)
  }

  failed(error: RfaasError): void {
    this.#end(NOTHING)
    if (this.#batch) this.#batch.done(error)
    else this.#reject(error)
  }

  lost(error: RfaasError): void {
    this.failed(error)
  }

  /** The slot is part of this worker's memory: its invocation goes nowhere else. */
  takeBack(): boolean {
    return false
  }

  #reject(error: RfaasError): void {
    rejectWithFrames(this.#resolve, error)
  }

  #end(output: Uint8Array): void {
    const { channel, index, isReleased } = this.#slot
    this.#slot.output = output
    this.#stopListening()
    if (isReleased) channel.unreserve(index)
  }

  #stopListening(): void {
    this.#unlisten?.()
    this.#unlisten = null
  }
}
