// The global of this name is a getter, which adds a third to a reading of the clock.
import { performance } from 'node:perf_hooks'

import { RfaasError, toRfaasError, type Outcome } from '../../errors.ts'
import { addTimeLeft, type CancelReason } from '../../protocol/cancel.ts'
import { decodeValue, encodeArguments } from '../../protocol/codec.ts'
import { abortedError, cancelReasonOf, onAbort } from './abort.ts'
import { sourceOf, type ArgumentSource } from './argument-source.ts'
import type { Channel } from './channel.ts'
import { deadlineError } from './deadline.ts'
import { payloadTooLarge } from './payload-too-large.ts'
import type { PlacedCall } from './placed-call.ts'
import type { Waiter } from './waiter.ts'
import { rejectWithFrames } from './reject.ts'
import type { RemoteFunction } from './wire.ts'

/**
 * One asynchronous invocation with its arguments. It may first wait in the queue, then it takes a slot. When its worker
 * is gone and `sendAgain` accepts the call, it goes through both again.
 */
export class Call implements Waiter, PlacedCall {
  next: PlacedCall | null = null
  previous: PlacedCall | null = null
  isQueued = false
  /** Another one of the same name when the lease was updated before the call was sent. */
  f: RemoteFunction
  /** The worker that the call is for; null: any. */
  readonly only: Channel | null
  #args: unknown[]
  readonly #resolve: (value: unknown) => void
  readonly #sendAgain: (call: PlacedCall, outcome: Outcome) => boolean
  #channel: Channel | null = null
  #slot = -1
  #unlisten: (() => void) | null = null
  #timer: NodeJS.Timeout | null = null
  #isOver = false
  /** The argument that streams; null: there is none, or none was met yet. */
  #source: ArgumentSource | null = null
  /** When the caller gives up by itself; Infinity: only by its signal; null: never. */
  #givesUpAtMs: number | null = null

  constructor(
    f: RemoteFunction,
    args: unknown[],
    resolve: (value: unknown) => void,
    sendAgain: (call: PlacedCall, outcome: Outcome) => boolean,
    only: Channel | null = null,
  ) {
    this.f = f
    this.only = only
    this.#args = args
    this.#resolve = resolve
    this.#sendAgain = sendAgain
  }

  /**
   * Has the worker told that the caller may give up. Comes before {@link start}; {@link abortOn} or {@link expireAfter}
   * follow.
   *
   * @param timeoutMs undefined: only by a signal
   */
  mayGiveUp(timeoutMs: number | undefined): void {
    this.#givesUpAtMs = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs
  }

  /**
   * Rejects as soon as the signal fires. While the call is in flight, its slot stays taken until the worker has
   * answered.
   *
   * @param forget called when the signal fires
   */
  abortOn(signal: AbortSignal, forget: () => void): void {
    // The call may be over already when its worker is gone.
    if (this.#isOver) return
    this.#unlisten = onAbort(signal, () => {
      const errorOf = (outcome: Outcome): RfaasError => abortedError(`Cannot await ${this.f.name}`, signal, outcome)
      this.#giveUp(forget, cancelReasonOf(signal), errorOf)
    })
  }

  /**
   * Rejects after this time, as if a signal had fired. Node.js keeps the timers of one duration in one list, so that it
   * costs the same however many calls there are.
   *
   * @param forget called when the time is over
   */
  expireAfter(timeoutMs: number, forget: () => void): void {
    if (this.#isOver) return
    this.#timer = setTimeout(() => {
      this.#giveUp(forget, 'deadline', (outcome) => deadlineError(this.f, timeoutMs, outcome))
    }, timeoutMs)
  }

  /** Sends the call in a slot that was taken for it. The call gives the slot back when it is over. Never throws. */
  start(channel: Channel, slot: number): void {
    this.#channel = channel
    this.#slot = slot
    try {
      const f = this.#source === null ? this.f : this.#source.attach(this.f, channel, slot)
      const room = channel.input(slot)
      const bytes = encodeInput(f, this.#args, room)
      if (bytes < 0) return this.#startLarge(f, channel, slot, -bytes - 1)
      if (this.#givesUpAtMs === null) return channel.invoke(f, slot, bytes, this)
      const allBytes = addTimeLeft(room, bytes, this.#givesUpAtMs - performance.now())
      // Without room for it, the worker is told only once the function runs.
      channel.invoke(f, slot, allBytes === 0 ? bytes : allBytes, this, allBytes > 0)
    } catch (thrown) {
      // A call of one certain worker does not stream.
      if (this.only !== null) return this.failed(toRfaasError(thrown).withOutcome('not_run'))
      const source = sourceOf(thrown, this.f, this.#args)
      if (source instanceof RfaasError) return this.failed(source)
      this.#source = source
      this.#args = source.args
      this.start(channel, slot)
    }
  }

  /** Sends an input that does not fit into the slot. */
  #startLarge(f: RemoteFunction, channel: Channel, slot: number, byteLength: number): void {
    if (byteLength > channel.layout.payloadBytesLargest) throw payloadTooLarge(f, byteLength, channel.layout)
    channel.invokeLarge(f, slot, byteLength, (room) => encodeInput(f, this.#args, room), this)
  }

  settled(byteLength: number): void {
    const channel = this.#channel!
    if (!this.#isOver) {
      this.#end()
      try {
        // Copied or decoded before the slot is given back and reused.
        this.#resolveWith(decodeResult(this.f, channel.resultRoom(this.#slot, byteLength), byteLength))
      } catch (error) {
        this.#reject(toRfaasError(error).withOutcome('ran'))
      }
    }
    this.#source?.detach()
    channel.give(this.#slot)
  }

  failed(error: RfaasError): void {
    this.#end()
    this.#reject(error)
    this.#source?.detach()
    this.#channel?.give(this.#slot)
  }

  lost(error: RfaasError): void {
    if (!this.#goesElsewhere(error.outcome ?? 'unknown')) this.failed(error)
  }

  takeBack(): boolean {
    return this.#goesElsewhere('not_run')
  }

  #goesElsewhere(outcome: Outcome): boolean {
    if (this.#isOver || this.#source?.isTouched === true || !this.#sendAgain(this, outcome)) return false
    this.#source?.detach()
    // The slot is gone with its worker.
    this.#channel = null
    return true
  }

  /** Rejects though no answer has come. The slot stays taken until the worker has answered. */
  #giveUp(forget: () => void, reason: CancelReason, errorOf: (outcome: Outcome) => RfaasError): void {
    forget()
    const neverRuns = this.#channel?.abandon(this.#slot, reason) ?? true
    const outcome = neverRuns ? 'not_run' : 'unknown'
    this.#end()
    rejectWithFrames(this.#resolve, errorOf(outcome))
    // Nobody waits for that.
    void this.#source?.closeAfter(outcome)
  }

  /** Once the iterable is closed that the function was given, if it was. */
  #resolveWith(result: unknown): void {
    const source = this.#source
    if (source === null) return this.#resolve(result)
    const resolve = (): void => this.#resolve(result)
    void source.close().then(resolve, (error: RfaasError) => rejectWithFrames(this.#resolve, error))
  }

  /** Once the iterable is closed that the function was given, if it was. */
  #reject(error: RfaasError): void {
    if (this.#source === null) rejectWithFrames(this.#resolve, error)
    else void this.#source.closeAfter(error.outcome).then(() => rejectWithFrames(this.#resolve, error))
  }

  #end(): void {
    this.#isOver = true
    this.#unlisten?.()
    this.#unlisten = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}

/**
 * Encodes the arguments of an invocation into a slot; returns the bytes written, or, when there is no room, minus the
 * bytes needed minus one.
 *
 * @throws {RfaasError} `invalid_argument`
 */
export function encodeInput(f: RemoteFunction, args: unknown[], room: Uint8Array): number {
  if (!f.raw) return encodeArguments(args, room)
  const [input] = args
  if (!(input instanceof Uint8Array)) {
    throw new RfaasError('invalid_argument', `Cannot invoke ${f.name}: it is raw and takes a Uint8Array`)
  }
  if (input.length > room.length) return -input.length - 1
  room.set(input)
  return input.length
}

/**
 * The result of an invocation, with memory of its own.
 *
 * @param output where the result lies, in full length
 *
 * @throws {RfaasError} `internal` when it cannot be decoded
 */
export function decodeResult(f: RemoteFunction, output: Uint8Array, byteLength: number): unknown {
  return f.raw ? output.slice(0, byteLength) : decodeValue(output, byteLength)
}
