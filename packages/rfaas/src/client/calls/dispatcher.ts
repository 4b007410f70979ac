import { performance } from 'node:perf_hooks'

import { yieldProcessor } from '@rfaas/fabric'

import { RfaasError, type Outcome } from '../../errors.ts'
import { RESERVED_PATIENCE_MS } from '../limits.ts'
import { abortedError, onAbort } from './abort.ts'
import { BoundCalls } from './bound-calls.ts'
import { Call } from './call.ts'
import { CallQueue } from './call-queue.ts'
import { chooseWorker, freest } from './choose-worker.ts'
import { POLLS_BEFORE_YIELD, POLLS_PER_LOOK, POLLS_PER_YIELD, type Channel } from './channel.ts'
import { Paces, PIPELINE_MS } from './load.ts'
import { Progress } from './progress.ts'
import { rejectWithFrames } from './reject.ts'
import { Batch, Slot } from './slot.ts'
import { Spinner } from './spinner.ts'
import type { RemoteFunction } from './wire.ts'

const now = (): number => performance.now()

/** Receives the results for all dispatchers of this thread. */
const progress = new Progress(now)

/**
 * Spreads asynchronous invocations over the workers of a lease. Each goes to an idle worker, or behind others that will
 * have run soon (`choose-worker.ts`). Otherwise it waits in order, and when too many wait it is refused at once.
 */
export class Dispatcher {
  /** Channels that take invocations. */
  #channels: readonly Channel[] = []
  /** Channels that take invocations, and those that only finish what is in flight. */
  #open: readonly Channel[] = []
  readonly #queueMax: number
  readonly #spinner: Spinner
  readonly #isIdempotent: (name: string) => boolean
  readonly #queue = new CallQueue<Call>()
  readonly #bound = new BoundCalls()
  #isAdvancing = false
  #ended: RfaasError | null = null
  #width = 0
  /** Set while workers that are gone are given up: collects their calls that may run elsewhere, in their order. */
  #again: Call[] | null = null
  /** How many times a slot was given back. */
  #given = 0
  #reservedTimer: NodeJS.Timeout | null = null
  /** Runs while a call waits although a slot is free. */
  #heldTimer: NodeJS.Timeout | null = null
  readonly #paces = new Paces()
  readonly #idle = new Set<() => void>()
  readonly #sendAgain = (call: Call, outcome: Outcome): boolean => this.#maySendAgain(call, outcome)

  /** @param isIdempotent whether a function may run twice for one call, when its worker is lost */
  constructor(
    channels: readonly Channel[],
    queueMax: number,
    spinMs: number,
    isIdempotent: (name: string) => boolean = () => false,
  ) {
    this.#queueMax = queueMax
    this.#spinner = new Spinner(spinMs)
    this.#isIdempotent = isIdempotent
    this.add(channels)
  }

  /** Invocations that can be in flight at once; the last known number while there is no worker. */
  get width(): number {
    return this.#width
  }

  /** Changes with every invocation that is sent. */
  get activity(): number {
    return this.#open.reduce((sum, { lastId }) => sum + lastId, 0)
  }

  /** Whether an asynchronous invocation waits or is in flight. */
  get isBusy(): boolean {
    return this.#queue.length + this.#bound.length > 0 || this.#open.some(({ waiting }) => waiting > 0)
  }

  /** Adds workers. Waiting invocations are sent to them first. */
  add(channels: readonly Channel[]): void {
    this.#use([...this.#channels, ...channels])
    this.#open = [...this.#open, ...channels]
    for (const channel of channels) {
      channel.load.paces = this.#paces
      channel.onFree = () => {
        this.#given++
        this.#next()
      }
      channel.onIdle = () => this.#tellIdle()
      channel.onDrained = () => this.#drained(channel)
      progress.add(channel, this.#spinner)
    }
    this.#next()
  }

  /** Sends no more invocations to these workers; those in flight may finish. */
  retire(channels: readonly Channel[]): void {
    this.#use(this.#channels.filter((channel) => !channels.includes(channel)))
    this.#bound.refuse(channels)
  }

  /**
   * Closes the channels of workers that are gone. Answers that have arrived count; a call that did not run, or whose
   * function is idempotent, goes back to the front of the queue; everything else in flight fails.
   *
   * @param cutOff the error of calls that may have run. Default: `reason`
   */
  removeLost(channels: readonly Channel[], reason: RfaasError, cutOff: RfaasError = reason): void {
    this.retire(channels)
    this.#open = this.#open.filter((channel) => !channels.includes(channel))
    this.#collectAgain(() => {
      for (const channel of channels) {
        progress.remove(channel)
        channel.close(reason, cutOff)
      }
    })
    this.#tellIdle()
  }

  /** Resolves when nothing is in flight on any worker. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.add(resolve)
      this.#tellIdle()
    })
  }

  /**
   * Arguments are encoded, the result is decoded or copied: the caller owns both.
   *
   * @param timeoutMs after this time the call fails with `deadline_exceeded`. Default: never
   */
  call(f: RemoteFunction, args: unknown[], signal?: AbortSignal, timeoutMs?: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return rejectWithFrames(resolve, this.#ended.withOutcome('not_run'))
      if (signal?.aborted) return reject(abortedError(`Cannot invoke ${f.name}`, signal, 'not_run'))
      const call = new Call(f, args, resolve, this.#sendAgain)
      if (this.#queue.length > 0 || !this.#start(call, chooseWorker(this.#channels, f, now))) {
        if (this.#queue.length >= this.#queueMax) this.#sendHeld()
        if (this.#queue.length > 0 || !this.#start(call, this.#queueMax > 0 ? null : freest(this.#channels))) {
          if (this.#queue.length >= this.#queueMax) return reject(this.#queueFull(f))
          this.#queue.push(call)
          this.#watchHeld()
          if (this.#areAllReserved()) this.#watchReserved()
        }
      }
      if (signal) call.abortOn(signal, () => this.#queue.remove(call))
      if (timeoutMs !== undefined) call.expireAfter(timeoutMs, () => this.#queue.remove(call))
    })
  }

  /**
   * As {@link call}, once on each worker that takes invocations. Resolves to the results in the order of the workers; rejects
   * with the first failure.
   */
  async each(f: RemoteFunction, args: unknown[], signal?: AbortSignal, timeoutMs?: number): Promise<unknown[]> {
    if (this.#ended === null && this.#channels.length === 0) {
      const sentence = `Cannot invoke ${f.name} on each worker: they are gone, and their replacements are not ready yet`
      throw new RfaasError('queue_full', sentence, { outcome: 'not_run' })
    }
    return Promise.all(this.#channels.map((channel) => this.#callOn(channel, f, args, signal, timeoutMs)))
  }

  /**
   * Reserves a slot for invocations in place.
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
    const { payloadBytesMax } = channel.layout
    if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > payloadBytesMax) {
      const sentence = `Cannot reserve ${byteLength} bytes: the lease's payloadBytesMax is ${payloadBytesMax}`
      throw new RfaasError('payload_too_large', sentence)
    }
    if (channel.room === 0) this.#refuseToReserve(channel)
    return new Slot(this, channel, channel.reserve(), byteLength)
  }

  /**
   * The worker with the most room, which is not 0.
   *
   * @throws {RfaasError} `queue_full`
   */
  channelWithRoom(): Channel {
    if (this.#ended) throw this.#ended
    const channel = this.#freest()
    if (channel.room === 0) this.#refuseToReserve(channel)
    return channel
  }

  /** Spins until the result is there, and returns it in place. See {@link Slot}. */
  invokeSync(f: RemoteFunction, slot: Slot, byteLength: number): Uint8Array {
    this.#check(slot, byteLength)
    return slot.invokeSync(f, byteLength)
  }

  /** Resolves to the result in place. See {@link Slot}. */
  invoke(f: RemoteFunction, slot: Slot, byteLength: number, signal?: AbortSignal): Promise<Uint8Array> {
    let result: Promise<Uint8Array>
    try {
      this.#check(slot, byteLength)
      if (signal?.aborted) throw abortedError(`Cannot invoke ${f.name}`, signal, 'not_run')
      result = slot.invoke(f, byteLength, signal)
    } catch (error) {
      return Promise.reject(error as RfaasError)
    }
    progress.expect(slot.channel)
    return result
  }

  /** Sends all, then spins until every result is there, in {@link Slot.output}. Only then throws the first failure. */
  invokeAllSync(f: RemoteFunction, slots: readonly Slot[]): void {
    this.#checkAll(slots)
    const batch = new Batch(null)
    this.#sendAll(f, slots, batch)
    for (let round = 1; batch.left > 0; round++) {
      for (const channel of this.#open) if (channel.waiting > 0) channel.drain()
      if (round % POLLS_PER_LOOK !== 0) continue
      for (const { channel, index } of slots) {
        if (channel.isOpen || channel.isClosed) continue
        // Answers that arrived before the worker was gone count.
        channel.drain()
        channel.failInFlight(index)
      }
      if (round >= POLLS_BEFORE_YIELD && round % POLLS_PER_YIELD === 0) yieldProcessor()
    }
    if (batch.error) throw batch.error
  }

  /** Like {@link invokeAllSync}, but asynchronous. */
  invokeAll(f: RemoteFunction, slots: readonly Slot[], signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) throw abortedError(`Cannot invoke ${f.name}`, signal, 'not_run')
      // Before `onAbort`: an exception here would leave the listener on the signal.
      this.#checkAll(slots)
      const abort = (): void => {
        for (const slot of slots) slot.abandon()
        unlisten?.()
        rejectWithFrames(resolve, abortedError(`Cannot await ${f.name}`, signal!, 'unknown'))
      }
      const unlisten = signal && onAbort(signal, abort)
      const batch = new Batch((error) => {
        unlisten?.()
        if (error) rejectWithFrames(resolve, error)
        else resolve()
      })
      this.#sendAll(f, slots, batch)
      for (const { channel } of slots) progress.expect(channel)
    })
  }

  /** Fails with `error` every new invocation from now on, and those that still wait for a slot. */
  end(error: RfaasError): void {
    // A call for which there is a slot counts as in flight.
    if (this.#ended === null) this.#sendHeld()
    this.#ended ??= error
    if (this.#heldTimer !== null) clearTimeout(this.#heldTimer)
    if (this.#reservedTimer !== null) clearTimeout(this.#reservedTimer)
    const refusal = error.withOutcome('not_run')
    this.#refuseQueued(refusal)
    this.#bound.refuseAll(refusal)
  }

  /** As {@link call}, on one given worker. */
  #callOn(
    channel: Channel,
    f: RemoteFunction,
    args: unknown[],
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return rejectWithFrames(resolve, this.#ended.withOutcome('not_run'))
      if (signal?.aborted) return reject(abortedError(`Cannot invoke ${f.name}`, signal, 'not_run'))
      const call = new Call(f, args, resolve, this.#sendAgain, channel)
      if (this.#bound.length === 0 && channel.room > 0) this.#startOn(channel, call)
      else if (channel.reservedSlots === channel.layout.slots) return reject(this.#allReserved(f, channel))
      else if (this.#bound.length >= this.#queueMax) return reject(this.#queueFull(f))
      else this.#bound.push(call)
      const forget = (): void => void this.#bound.remove(call)
      if (signal) call.abortOn(signal, forget)
      if (timeoutMs !== undefined) call.expireAfter(timeoutMs, forget)
    })
  }

  #checkAll(slots: readonly Slot[]): void {
    for (const slot of slots) this.#check(slot, slot.input.length)
  }

  #sendAll(f: RemoteFunction, slots: readonly Slot[], batch: Batch): void {
    // Held open until all are sent, because the first may be answered before the last has been sent.
    batch.left++
    for (const slot of slots) slot.invokeIn(batch, f)
    batch.done(null)
  }

  #check(slot: Slot, byteLength: number): void {
    if (this.#ended !== null || slot.owner !== this) this.#refuse()
    slot.check(byteLength)
  }

  #refuse(): never {
    if (this.#ended) throw this.#ended.withOutcome('not_run')
    throw new RfaasError('invalid_argument', 'Cannot invoke: the slot belongs to another lease', { outcome: 'not_run' })
  }

  #freest(): Channel {
    let best = this.#channels[0]
    if (best === undefined) {
      const sentence = 'Cannot reserve a slot: the workers are gone, and their replacements are not ready yet'
      throw new RfaasError('queue_full', sentence)
    }
    for (const channel of this.#channels) if (channel.room > best.room) best = channel
    return best
  }

  #refuseToReserve(channel: Channel): never {
    const sentence = `Cannot reserve a slot: ${this.#whyNoRoom(channel)}; release one, or lease with more slots`
    throw new RfaasError('queue_full', sentence)
  }

  #use(channels: readonly Channel[]): void {
    this.#channels = channels
    if (channels.length > 0) this.#width = channels.reduce((sum, channel) => sum + channel.layout.slots, 0)
    if (this.#queue.length > 0 && this.#areAllReserved()) this.#watchReserved()
  }

  /** The worker has drained: it has answered what it ran, and the other calls go to other workers. */
  #drained(channel: Channel): void {
    this.retire([channel])
    this.#collectAgain(() => channel.takeBack())
  }

  #maySendAgain(call: Call, outcome: Outcome): boolean {
    if (this.#again === null || this.#ended !== null || call.only !== null) return false
    if (outcome !== 'not_run' && !this.#isIdempotent(call.f.name)) return false
    this.#again.push(call)
    return true
  }

  /** Runs `work` and puts the calls that it takes from workers back at the front of the queue, in their order. */
  #collectAgain(work: () => void): void {
    const again: Call[] = (this.#again = [])
    work()
    this.#again = null
    for (const call of again.reverse()) this.#queue.unshift(call)
    this.#next()
  }

  #next(): void {
    // Guards against re-entry: a start that fails gives its slot back, and one on a full fabric settles other calls;
    // both call #next.
    if (this.#isAdvancing) return
    this.#isAdvancing = true
    if (this.#bound.length > 0) this.#bound.send((channel, call) => this.#startOn(channel, call))
    for (let call = this.#queue.first; call !== null; call = this.#queue.first) {
      const channel = chooseWorker(this.#channels, call.f, now)
      if (channel === null) break
      this.#queue.remove(call)
      this.#startOn(channel, call)
    }
    this.#isAdvancing = false
    this.#watchHeld()
  }

  /** Sends the first of the calls that wait although slots are free, to whichever worker. */
  #sendHeld(): void {
    for (let call = this.#queue.first; call !== null; call = this.#queue.first) {
      const channel = freest(this.#channels)
      if (channel === null) return
      this.#queue.remove(call)
      this.#startOn(channel, call)
    }
  }

  /** Looks again when a call waits although a slot is free: in time every worker has answered, or is silent. */
  #watchHeld(): void {
    if (this.#heldTimer !== null || this.#queue.length === 0 || freest(this.#channels) === null) return
    this.#heldTimer = setTimeout(() => {
      this.#heldTimer = null
      this.#next()
    }, PIPELINE_MS)
  }

  /** False when there is no worker for the call now. */
  #start(call: Call, channel: Channel | null): boolean {
    if (channel === null) return false
    this.#startOn(channel, call)
    return true
  }

  #startOn(channel: Channel, call: Call): void {
    call.start(channel, channel.take())
    progress.expect(channel)
  }

  #tellIdle(): void {
    if (this.#idle.size === 0 || this.#open.some(({ waiting }) => waiting > 0)) return
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }

  /**
   * Calls that wait while all slots are reserved wait for their own program to release one. A program that awaits such
   * a call before it releases a slot would wait for ever. So they are refused when no slot was in use and none was
   * released for RESERVED_PATIENCE_MS.
   */
  #watchReserved(): void {
    if (this.#reservedTimer !== null) return
    const given = this.#given
    this.#reservedTimer = setTimeout(() => {
      this.#reservedTimer = null
      if (this.#queue.length === 0 || !this.#areAllReserved()) return
      if (this.#given !== given || this.#open.some(({ waiting }) => waiting > 0)) return this.#watchReserved()
      const reason = `all ${this.width} slots are reserved and none is in use; release one first, or lease with more slots`
      this.#refuseQueued(new RfaasError('queue_full', `Cannot invoke: ${reason}`, { outcome: 'not_run' }))
    }, RESERVED_PATIENCE_MS)
  }

  #refuseQueued(error: RfaasError): void {
    for (let call = this.#queue.first; call !== null; call = this.#queue.first) {
      this.#queue.remove(call)
      call.failed(error)
    }
  }

  #areAllReserved(): boolean {
    return (
      this.#channels.length > 0 && this.#channels.every(({ layout, reservedSlots }) => reservedSlots === layout.slots)
    )
  }

  #whyNoRoom(channel: Channel): string {
    if (channel.freeSlots === 0) return `all ${this.width} are taken`
    return 'its worker still runs an invocation that was aborted'
  }

  #allReserved(f: RemoteFunction, { layout }: Channel): RfaasError {
    const reason = `all ${layout.slots} slots of a worker are reserved; release one first, or lease with more slots`
    return new RfaasError('queue_full', `Cannot invoke ${f.name} on each worker: ${reason}`, { outcome: 'not_run' })
  }

  #queueFull(f: RemoteFunction): RfaasError {
    const reason = `${this.width} calls are in flight and ${this.#queue.length} wait, queueMax is ${this.#queueMax}`
    const next = 'raise `queueMax` or await some calls first'
    return new RfaasError('queue_full', `Cannot invoke ${f.name}: ${reason}; ${next}`, { outcome: 'not_run' })
  }
}
