// The global of this name is a getter, which adds a third to a reading of the clock.
import { performance } from 'node:perf_hooks'

import { RfaasError, type Outcome } from '../../errors.ts'
import { RESERVED_PATIENCE_MS } from '../limits.ts'
import { abortedError } from './abort.ts'
import { BoundCalls } from './bound-calls.ts'
import { Call } from './call.ts'
import { CallQueue } from './call-queue.ts'
import { chooseWorker, freest } from './choose-worker.ts'
import type { Channel } from './channel.ts'
import { CurrentFunctions } from './current-functions.ts'
import { InPlace } from './in-place.ts'
import { Paces, PIPELINE_MS } from './load.ts'
import { allReserved, noWorkers, queueFull } from './no-room.ts'
import type { PlacedCall } from './placed-call.ts'
import { Progress } from './progress.ts'
import { rejectWithFrames } from './reject.ts'
import { Spinner } from './spinner.ts'
import { StreamCall, type StreamHost, type StreamSink } from './stream-call.ts'
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
  readonly #queue = new CallQueue<PlacedCall>()
  readonly #bound = new BoundCalls()
  #isAdvancing = false
  #ended: RfaasError | null = null
  #width = 0
  /** Set while workers that are gone are given up: collects their calls that may run elsewhere, in their order. */
  #again: PlacedCall[] | null = null
  /** Whether calls of idempotent functions that may have run may run once more. */
  #mayRepeat = true
  /** How many times a slot was given back. */
  #given = 0
  #reservedTimer: NodeJS.Timeout | null = null
  /** Runs while a call waits although a slot is free. */
  #heldTimer: NodeJS.Timeout | null = null
  #paces = new Paces()
  /** Await that nothing is in flight: on these workers, or with null on any. */
  readonly #idle = new Set<{ readonly channels: readonly Channel[] | null; readonly resolve: () => void }>()
  readonly functions: CurrentFunctions = new CurrentFunctions()
  /** Invocations in place, on slots that the program has reserved. */
  readonly inPlace: InPlace = new InPlace(this)
  /** Streams that are not over. */
  readonly #streams = new Set<StreamCall>()
  readonly #streamHost: StreamHost = {
    sendAgain: (call, outcome) => this.#maySendAgain(call, outcome),
    sent: (channel) => progress.expect(channel),
    over: (call) => {
      this.#streams.delete(call)
      this.#tellIdle()
    },
    forget: (call) => this.#forget(call),
  }
  readonly #sendAgain = (call: PlacedCall, outcome: Outcome): boolean => this.#maySendAgain(call, outcome)

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

  /** The workers that take invocations. */
  get channels(): readonly Channel[] {
    return this.#channels
  }

  /** The workers that take invocations, and those that only finish what is in flight. */
  get openChannels(): readonly Channel[] {
    return this.#open
  }

  /** Changes with every invocation that is sent. */
  get activity(): number {
    return this.#open.reduce((sum, { lastId }) => sum + lastId, 0)
  }

  /** Whether an asynchronous invocation waits or is in flight, or a stream is open. */
  get isBusy(): boolean {
    return (
      this.#streams.size > 0 ||
      this.#queue.length + this.#bound.length > 0 ||
      this.#open.some(({ waiting }) => waiting > 0)
    )
  }

  /** Adds workers, unless they are there. Waiting invocations are sent to them first. */
  add(added: readonly Channel[]): void {
    const channels = added.filter((channel) => !this.#open.includes(channel))
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
    this.#remove(channels, cutOff, (channel) => channel.close(reason, cutOff))
  }

  /**
   * Closes the channel of a worker that has ended by itself. Answers that have arrived count; a call that the worker had
   * not begun goes back to the front of the queue. Every other call in flight fails, also of an idempotent function: it may
   * be what ended the worker, and would end the next one.
   *
   * @param begun how many invocations of this channel the worker had begun
   */
  removeEnded(channel: Channel, reason: RfaasError, begun: number): void {
    this.#mayRepeat = false
    this.#remove([channel], reason, () => channel.close(reason, reason, begun))
    this.#mayRepeat = true
  }

  /** @param cutOff the error of what may have run */
  #remove(channels: readonly Channel[], cutOff: RfaasError, close: (channel: Channel) => void): void {
    this.retire(channels)
    this.#open = this.#open.filter((channel) => !channels.includes(channel))
    this.inPlace.forget(channels)
    this.#collectAgain(() => {
      for (const channel of channels) {
        progress.remove(channel)
        close(channel)
      }
      // Those that have no request in flight.
      for (const stream of this.#streams) {
        if (stream.channel?.isClosed === true) stream.failed(cutOff.withOutcome('unknown'))
      }
    })
    this.#tellIdle()
  }

  /**
   * Replaces workers by others that have other functions, in one step: what was sent is answered by the former workers, all
   * else goes to the new ones, to the function of the same name. A call that waits for a function that is gone fails. Slots
   * that are reserved at the former workers can no longer be used.
   */
  exchange(former: readonly Channel[], channels: readonly Channel[], functions: readonly RemoteFunction[]): void {
    // Without refusing the calls that wait for one of them.
    this.#use(this.#channels.filter((channel) => !former.includes(channel)))
    this.functions.update(functions)
    this.#paces = new Paces()
    this.inPlace.disown(former)
    for (let call = this.#queue.first; call !== null;) {
      const { next } = call
      try {
        call.f = this.functions.newest(call.f)
      } catch (error) {
        this.#queue.remove(call)
        call.failed(error as RfaasError)
      }
      call = next
    }
    this.add(channels)
  }

  /** What has ended the lease; null: nothing. */
  get ended(): RfaasError | null {
    return this.#ended
  }

  /**
   * Resolves when nothing is in flight, no stream is open, and nothing waits for one of them, on these workers.
   *
   * @param channels default: all workers, and whatever waits does not count
   */
  whenIdle(channels: readonly Channel[] | null = null): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.add({ channels, resolve })
      this.#tellIdle()
    })
  }

  /**
   * Arguments are encoded, the result is decoded or copied: the caller owns both.
   *
   * @param timeoutMs after this time the call fails with `deadline_exceeded`. Default: never
   * @param only the worker that is to run it; the call goes to no other. Default: any
   */
  call(
    f: RemoteFunction,
    args: unknown[],
    signal?: AbortSignal,
    timeoutMs?: number,
    only: Channel | null = null,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return rejectWithFrames(resolve, this.#ended.withOutcome('not_run'))
      if (signal?.aborted) return reject(abortedError(`Cannot invoke ${f.name}`, signal, 'not_run'))
      const call = new Call(this.functions.newest(f), args, resolve, this.#sendAgain, only)
      if (signal || timeoutMs !== undefined) call.mayGiveUp(timeoutMs)
      const refusal = only === null ? this.#place(call) : this.#placeOn(only, call)
      if (refusal !== null) return reject(refusal)
      if (signal) call.abortOn(signal, () => this.#forget(call))
      if (timeoutMs !== undefined) call.expireAfter(timeoutMs, () => this.#forget(call))
    })
  }

  /** Calls a function that streams. The sink hears of all that becomes of it, perhaps during this call. */
  stream(f: RemoteFunction, args: unknown[], sink: StreamSink): StreamCall {
    const call = new StreamCall(f, args, sink, this.#streamHost)
    this.#streams.add(call)
    try {
      call.f = this.functions.newest(f)
      const refusal = this.#ended === null ? this.#place(call) : this.#ended.withOutcome('not_run')
      if (refusal !== null) call.failed(refusal)
    } catch (error) {
      call.failed(error as RfaasError)
    }
    return call
  }

  /**
   * As {@link call}, once on each worker that takes invocations. Resolves to the results in the order of the workers; rejects
   * with the first failure.
   */
  async each(f: RemoteFunction, args: unknown[], signal?: AbortSignal, timeoutMs?: number): Promise<unknown[]> {
    if (this.#ended === null && this.#channels.length === 0) throw noWorkers(`invoke ${f.name} on each worker`)
    return Promise.all(this.#channels.map((channel) => this.call(f, args, signal, timeoutMs, channel)))
  }

  /** Results of this worker are awaited: they are received as soon as the running code has come to its end. */
  expect(channel: Channel): void {
    progress.expect(channel)
  }

  /** Fails with `error` every new invocation from now on, and those that still wait for a slot. */
  end(error: RfaasError): void {
    // A call for which there is a slot counts as in flight.
    if (this.#ended === null) this.#sendHeld()
    this.#ended ??= error
    this.inPlace.end(this.#ended)
    if (this.#heldTimer !== null) clearTimeout(this.#heldTimer)
    if (this.#reservedTimer !== null) clearTimeout(this.#reservedTimer)
    const refusal = error.withOutcome('not_run')
    this.#refuseQueued(refusal)
    this.#bound.refuseAll(refusal)
  }

  /** The caller has given up: a call that waits is not sent. */
  #forget(call: PlacedCall): void {
    if (call.only === null) this.#queue.remove(call)
    else {
      this.#bound.remove(call)
      this.#tellIdle()
    }
  }

  /** Sends the call, or has it wait; returns why it can do neither. */
  #place(call: PlacedCall): RfaasError | null {
    if (this.#queue.length === 0 && this.#start(call, chooseWorker(this.#channels, call.f, now))) return null
    if (this.#queue.length >= this.#queueMax) this.#sendHeld()
    if (this.#queue.length === 0 && this.#start(call, this.#queueMax > 0 ? null : freest(this.#channels))) return null
    if (this.#queue.length >= this.#queueMax) return queueFull(call.f, this.width, this.#queue.length, this.#queueMax)
    this.#queue.push(call)
    this.#watchHeld()
    if (this.#areAllReserved()) this.#watchReserved()
    return null
  }

  /** As {@link #place}, for a call that is for one worker. */
  #placeOn(channel: Channel, call: PlacedCall): RfaasError | null {
    // Whatever waits for other workers: these may be busy for long.
    if (channel.room > 0 && !this.#bound.has([channel])) this.#startOn(channel, call)
    else if (channel.reservedSlots === channel.layout.slots) return allReserved(call.f, channel)
    else if (this.#bound.length >= this.#queueMax)
      return queueFull(call.f, this.width, this.#bound.length, this.#queueMax)
    else this.#bound.push(call)
    return null
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

  #maySendAgain(call: PlacedCall, outcome: Outcome): boolean {
    if (this.#again === null || this.#ended !== null || call.only !== null) return false
    if (outcome !== 'not_run' && !(this.#mayRepeat && this.#isIdempotent(call.f.name))) return false
    const f = this.functions.find(call.f)
    if (f === null) return false
    call.f = f
    this.#again.push(call)
    return true
  }

  /** Runs `work` and puts the calls that it takes from workers back at the front of the queue, in their order. */
  #collectAgain(work: () => void): void {
    const again: PlacedCall[] = (this.#again = [])
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
  #start(call: PlacedCall, channel: Channel | null): boolean {
    if (channel === null) return false
    this.#startOn(channel, call)
    return true
  }

  #startOn(channel: Channel, call: PlacedCall): void {
    call.start(channel, channel.take())
    progress.expect(channel)
  }

  /** Whether a stream is open on one of these workers; with null, or waits, on any. */
  #hasStream(channels: readonly Channel[] | null): boolean {
    if (channels === null) return this.#streams.size > 0
    for (const { channel } of this.#streams) if (channel !== null && channels.includes(channel)) return true
    return false
  }

  #tellIdle(): void {
    for (const idle of this.#idle) {
      const { channels, resolve } = idle
      if ((channels ?? this.#open).some(({ waiting }) => waiting > 0)) continue
      if (this.#hasStream(channels)) continue
      if (channels !== null && this.#bound.has(channels)) continue
      this.#idle.delete(idle)
      resolve()
    }
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
}
