import { yieldProcessor } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import { abortedError, onAbort } from './abort.ts'
import { Call } from './call.ts'
import { POLLS_BEFORE_YIELD, POLLS_PER_LOOK, type Channel, type RemoteFunction } from './channel.ts'
import { Progress } from './progress.ts'
import { rejectWithFrames } from './reject.ts'
import { Batch, Slot } from './slot.ts'

/** Of a worker that is gone: what of it may be sent to another. */
export interface ResendRule {
  /** What was in flight there has not run. */
  readonly hasNotRun: boolean
  /** Functions that may run twice. */
  readonly isIdempotent: (name: string) => boolean
}

/**
 * Spreads asynchronous invocations over the workers of a lease: to the worker with the most free slots; when none is
 * free they wait in order, and when too many wait they are refused at once.
 */
export class Dispatcher {
  /** Those that take invocations. */
  #channels: readonly Channel[] = []
  /** Those and the ones that only finish what they have. */
  #open: readonly Channel[] = []
  readonly #queueMax: number
  readonly #progress: Progress
  readonly #queue: Call[] = []
  #advancing = false
  #ended: RfaasError | null = null
  #width = 0
  /** While channels are closed whose invocations may be sent again. */
  #rule: ResendRule | null = null
  readonly #again: Call[] = []
  readonly #sendAgain = (call: Call): boolean => this.#maySendAgain(call)

  constructor(channels: readonly Channel[], queueMax: number, spinMs: number) {
    this.#queueMax = queueMax
    this.#progress = new Progress(spinMs)
    this.add(channels)
  }

  /** Invocations that can be in flight at once; as last known, while there is no worker. */
  get width(): number {
    return this.#width
  }

  /** Has them take invocations, those that wait first. */
  add(channels: readonly Channel[]): void {
    this.#take([...this.#channels, ...channels])
    this.#open = [...this.#open, ...channels]
    for (const channel of channels) {
      channel.onFree = () => this.#next()
      this.#progress.add(channel)
    }
    this.#next()
  }

  /** Has them finish what they have, and take no more. */
  retire(channels: readonly Channel[]): void {
    this.#take(this.#channels.filter((channel) => !channels.includes(channel)))
  }

  /** Closes them, for their workers are gone. What was in flight fails, or waits to be sent again where the rule says so. */
  lose(channels: readonly Channel[], error: RfaasError, rule: ResendRule): void {
    this.retire(channels)
    this.#open = this.#open.filter((channel) => !channels.includes(channel))
    this.#rule = rule
    for (const channel of channels) {
      this.#progress.remove(channel)
      channel.close(error)
    }
    this.#rule = null
    this.#queue.unshift(...this.#again.splice(0))
    this.#next()
  }

  /** Arguments are encoded, the result is decoded or copied: the caller owns both. */
  call(f: RemoteFunction, args: unknown[], signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return rejectWithFrames(resolve, this.#ended)
      if (signal?.aborted) return reject(abortedError(`Cannot invoke ${f.name}`, signal))
      const call = new Call(f, args, resolve, this.#sendAgain)
      if (this.#queue.length > 0 || !this.#start(call)) {
        if (this.#queue.length >= this.#queueMax) return reject(this.#queueFull(f))
        this.#queue.push(call)
      }
      if (signal) call.abortOn(signal, () => this.#forget(call))
    })
  }

  /**
   * A slot for invocations in place.
   *
   * @throws {RfaasError} `payload_too_large`, `queue_full`, `invalid_argument` when there is no such worker
   */
  reserve(byteLength: number, worker: number | undefined): Slot {
    if (this.#ended) throw this.#ended
    if (worker !== undefined && this.#channels[worker] === undefined) {
      const sentence = `Cannot reserve a slot: there is no worker ${worker}, only 0 to ${this.#channels.length - 1}`
      throw new RfaasError('invalid_argument', sentence)
    }
    const channel = worker === undefined ? this.#freest() : this.#channels[worker]!
    if (channel === undefined) {
      throw new RfaasError('queue_full', 'Cannot reserve a slot: the workers are gone, and others not there yet')
    }
    const { payloadBytesMax } = channel.layout
    if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > payloadBytesMax) {
      const sentence = `Cannot reserve ${byteLength} bytes: the lease's payloadBytesMax is ${payloadBytesMax}`
      throw new RfaasError('payload_too_large', sentence)
    }
    const index = channel.take()
    if (index < 0) {
      const sentence = `Cannot reserve a slot: all ${this.width} are taken; release one, or lease with more slots`
      throw new RfaasError('queue_full', sentence)
    }
    return new Slot(this, channel, index, byteLength)
  }

  /** The result in place, once it is there. See {@link Slot}. */
  invokeSync(f: RemoteFunction, slot: Slot, byteLength: number): Uint8Array {
    this.#check(slot, byteLength)
    return slot.invokeSync(f, byteLength)
  }

  /** The result in place. See {@link Slot}. */
  invoke(f: RemoteFunction, slot: Slot, byteLength: number, signal?: AbortSignal): Promise<Uint8Array> {
    let result: Promise<Uint8Array>
    try {
      this.#check(slot, byteLength)
      if (signal?.aborted) throw abortedError(`Cannot invoke ${f.name}`, signal)
      result = slot.invoke(f, byteLength, signal)
    } catch (error) {
      return Promise.reject(error as RfaasError)
    }
    this.#progress.expect()
    return result
  }

  /** Sends all, then spins until every result is there, in {@link Slot.output}. Throws the first failure, then. */
  invokeAllSync(f: RemoteFunction, slots: readonly Slot[]): void {
    this.#checkAll(slots)
    const batch = new Batch(null)
    this.#sendAll(f, slots, batch)
    for (let round = 1; batch.left > 0; round++) {
      for (const channel of this.#open) if (channel.waiting > 0) channel.drain()
      if (round % POLLS_PER_LOOK !== 0) continue
      for (const { channel, index } of slots) if (!channel.isOpen) channel.forsake(index)
      if (round > POLLS_BEFORE_YIELD) yieldProcessor()
    }
    if (batch.error) throw batch.error
  }

  /** As {@link invokeAllSync}, awaited. */
  invokeAll(f: RemoteFunction, slots: readonly Slot[], signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) throw abortedError(`Cannot invoke ${f.name}`, signal)
      // Before anybody listens: what is thrown here would leave the signal its listener.
      this.#checkAll(slots)
      const unlisten = signal && onAbort(signal, `Cannot await ${f.name}`, (error) => rejectWithFrames(resolve, error))
      const batch = new Batch((error) => {
        unlisten?.()
        if (error) rejectWithFrames(resolve, error)
        else resolve()
      })
      this.#sendAll(f, slots, batch)
      this.#progress.expect()
    })
  }

  /** Refuses everything from now on with `error`, also what is still waiting for a slot. */
  end(error: RfaasError): void {
    this.#ended ??= error
    for (const call of this.#queue.splice(0)) call.failed(error)
  }

  #checkAll(slots: readonly Slot[]): void {
    for (const slot of slots) this.#check(slot, slot.input.length)
  }

  #sendAll(f: RemoteFunction, slots: readonly Slot[], batch: Batch): void {
    // Held until all are sent: the first may be answered before the last has gone.
    batch.left++
    for (const slot of slots) slot.invokeIn(batch, f)
    batch.done(null)
  }

  #check(slot: Slot, byteLength: number): void {
    if (this.#ended !== null || slot.owner !== this) this.#refuse()
    slot.check(byteLength)
  }

  #refuse(): never {
    throw this.#ended ?? new RfaasError('invalid_argument', 'Cannot invoke: the slot is of another lease')
  }

  #freest(): Channel | undefined {
    let best = this.#channels[0]
    for (const channel of this.#channels) if (channel.freeSlots > best!.freeSlots) best = channel
    return best
  }

  #take(channels: readonly Channel[]): void {
    this.#channels = channels
    if (channels.length > 0) this.#width = channels.reduce((sum, channel) => sum + channel.layout.slots, 0)
  }

  #maySendAgain(call: Call): boolean {
    const rule = this.#rule
    if (rule === null || this.#ended !== null) return false
    if (!rule.isIdempotent(call.f.name) && (!rule.hasNotRun || call.isResent)) return false
    call.isResent = true
    this.#again.push(call)
    return true
  }

  #next(): void {
    // A start that fails gives its slot back, and one on a full fabric settles others: both come back here.
    if (this.#advancing) return
    this.#advancing = true
    while (this.#queue.length > 0 && this.#start(this.#queue[0]!)) this.#queue.shift()
    this.#advancing = false
  }

  /** False when no slot is free. */
  #start(call: Call): boolean {
    const channel = this.#freest()
    const slot = channel?.take() ?? -1
    if (channel === undefined || slot < 0) return false
    call.start(channel, slot)
    this.#progress.expect()
    return true
  }

  /** Nobody awaits it any more: what waits for a slot need not be sent. */
  #forget(call: Call): void {
    const at = this.#queue.indexOf(call)
    if (at >= 0) this.#queue.splice(at, 1)
  }

  #queueFull(f: RemoteFunction): RfaasError {
    const reason = `${this.width} are in flight and ${this.#queue.length} wait, queueMax is ${this.#queueMax}`
    return new RfaasError('queue_full', `Cannot invoke ${f.name}: ${reason}`)
  }
}
