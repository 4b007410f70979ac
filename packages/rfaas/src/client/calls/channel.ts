import { yieldProcessor, type Connection } from '@rfaas/fabric'

import { RfaasError, toRfaasError, type Outcome } from '../../errors.ts'
import { ARRIVALS_PER_LOOK_MAX, SUBMIT_MS_MAX } from '../limits.ts'
import type { CancelReason } from '../../protocol/cancel.ts'
import { FAREWELL, type SlotLayout } from '../../protocol/slots.ts'
import { SpareRoom } from '../../protocol/spare-room.ts'
import { AbandonedSlots } from './abandoned.ts'
import { LargeCalls, type Encode } from './large-calls.ts'
import { Load } from './load.ts'
import { OpenSources } from './open-sources.ts'
import { Outbox, type OutboxOwner } from './outbox.ts'
import { POLLS_PER_LOOK, yieldWhenDue } from './polls.ts'
import type { Polled, PolledChannel } from './progress.ts'
import type { Waiter } from './waiter.ts'
import { Wire, type RemoteFunction } from './wire.ts'

/** Attempts to arm in one turn of the event loop. An attempt fails when something has arrived. */
const ARM_ATTEMPTS_PER_TURN = 8

/**
 * The client's side of one worker: keeps track of the free slots and of the invocations in flight, and receives their
 * results by spinning or by sleeping on the event loop. From submit to result nothing is allocated or copied here.
 */
export class Channel implements PolledChannel, OutboxOwner {
  readonly layout: SlotLayout
  /** Whether a poll only reads memory, which takes nanoseconds. Otherwise it takes about a microsecond. */
  readonly pollsMemory: boolean
  readonly load: Load
  /** Arguments that stream to the worker. */
  readonly sources: OpenSources = new OpenSources()
  /** Belongs to the thread's {@link Progress}. */
  polled: Polled | null = null
  /** Called once when the worker is gone without a farewell. The owner then closes the channel. */
  onLost: (() => void) | null = null
  /** Called once when the worker has said farewell: all that it answered is settled, and it runs nothing more. */
  onDrained: (() => void) | null = null
  /** Called whenever a slot has become free. */
  onFree: (() => void) | null = null
  /** Called whenever no asynchronous invocation is in flight any more. */
  onIdle: (() => void) | null = null
  /** Called on the event loop after a sleep, when what arrived has settled and something is still awaited. */
  onWoken: (() => void) | null = null

  readonly #connection: Connection
  readonly #wire: Wire
  readonly #spare: SpareRoom
  readonly #large: LargeCalls
  readonly #whom: string
  readonly #free: Int32Array
  #freeCount: number
  #reserved = 0
  /** The waiter of the asynchronous invocation in each slot. */
  readonly #waiters: (Waiter | null)[]
  readonly #inFlight: (RemoteFunction | null)[]
  #waiting = 0
  /** Slots whose caller has given up, and whose answer the worker still owes. */
  readonly #abandoned = new AbandonedSlots(() => this.onFree?.())
  readonly #outbox: Outbox
  #armed = false
  /** Whether something was sent since the connection was polled last. */
  #hasSent = false
  #watching = false
  #isDrained = false
  #isBroken = false
  #isClosed = false

  /** @param whom what the worker is called in error sentences */
  constructor(connection: Connection, layout: SlotLayout, whom: string) {
    this.layout = layout
    this.#connection = connection
    this.#spare = new SpareRoom(connection, layout)
    this.#large = new LargeCalls(this.#spare, layout)
    this.#wire = new Wire(connection, layout, this.#spare, (byteLength) => this.#takeLarge(byteLength))
    this.#outbox = new Outbox(connection, layout, this.#wire, this.#spare, this)
    this.#whom = whom
    this.load = new Load(layout.slots)
    this.pollsMemory = connection.fabric !== 'tcp' && connection.fabric !== 'verbs'
    this.#free = Int32Array.from({ length: layout.slots }, (_, i) => layout.slots - 1 - i)
    this.#freeCount = layout.slots
    this.#waiters = new Array<Waiter | null>(layout.slots).fill(null)
    this.#inFlight = new Array<RemoteFunction | null>(layout.slots).fill(null)
    connection.onReady = () => this.#ready()
  }

  /** Slots that the next invocations can take: none while the worker owes the answer to an abandoned invocation. */
  get room(): number {
    return this.#abandoned.isOwing ? 0 : this.#freeCount
  }

  get freeSlots(): number {
    return this.#freeCount
  }

  /** Slots that {@link reserve} has given and that are not given back. */
  get reservedSlots(): number {
    return this.#reserved
  }

  /** Asynchronous invocations in flight. */
  get waiting(): number {
    return this.#waiting
  }

  /** Number of the last invocation that was sent; it wraps. */
  get lastId(): number {
    return this.#wire.lastId
  }

  /** Whether the worker still takes invocations, as far as we know. */
  get isOpen(): boolean {
    return this.#connection.state === 'open' && !this.#isDrained && !this.#isBroken && !this.#isClosed
  }

  /** Whether {@link close} was called, perhaps by a waiter that has just settled. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Takes a slot; returns -1 when all are taken. The slot given back last is the likeliest in the cache. */
  take(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount]!
  }

  give(slot: number): void {
    this.#free[this.#freeCount++] = slot
    this.onFree?.()
  }

  /** Takes a slot for the program, like {@link take}, until {@link unreserve}. */
  reserve(): number {
    const slot = this.take()
    if (slot >= 0) this.#reserved++
    return slot
  }

  unreserve(slot: number): void {
    this.#reserved--
    this.give(slot)
  }

  /** The memory for a slot's input, in full length. */
  input(slot: number): Uint8Array {
    return this.#wire.input(slot)
  }

  /** The memory of a slot's result, in full length. */
  output(slot: number): Uint8Array {
    return this.#wire.output(slot)
  }

  /** Where a result of this length lies, from its first byte on. */
  resultRoom(slot: number, byteLength: number): Uint8Array {
    return byteLength > this.layout.payloadBytesMax ? this.#spare.inbound(byteLength) : this.output(slot)
  }

  /**
   * The result of a slot in place, valid until the slot is used again. A result that is larger than a slot is a copy.
   */
  outputBytes(slot: number, byteLength: number): Uint8Array {
    return this.#wire.outputBytes(slot, byteLength)
  }

  /** Whether an asynchronous invocation is in flight in the slot, though its caller may have given up on it. */
  isInFlight(slot: number): boolean {
    return this.#inFlight[slot] !== null
  }

  /** Whether the worker still owes the answer to the invocation of a slot whose caller has given up. */
  isAbandoned(slot: number): boolean {
    return this.#abandoned.has(slot)
  }

  /**
   * Sends the invocation whose input is in the slot, and spins until its result is there.
   *
   * @returns how many bytes the result has, which lies in the slot's output until the slot is used again
   * @throws {RfaasError} what the function threw; `internal` when the worker is broken; `executor_lost`
   */
  invokeSync(f: RemoteFunction, slot: number, byteLength: number): number {
    const connection = this.#connection
    const { wakes } = connection
    this.#submit(f, slot, byteLength)
    // The kernel may have queued the woken worker on this processor, which the polling below would keep busy.
    if (connection.wakes !== wakes) yieldProcessor()
    this.#spinFor(slot)
    return this.#wire.result(f, slot)
  }

  /**
   * Sends the invocation whose input is in the slot, as soon as the fabric has room for it. The waiter is told by the
   * poll that finds the result. When the worker is gone already, {@link close} tells the waiter the reason.
   *
   * @param isCancellable whether the time left was added to the input (cancel.ts)
   */
  invoke(f: RemoteFunction, slot: number, byteLength: number, waiter: Waiter, isCancellable: boolean = false): void {
    if (this.#isClosed) throw this.#lostError('not_run')
    let isSent = false
    try {
      isSent = this.#outbox.trySend(f, slot, byteLength, isCancellable)
    } catch (error) {
      if (this.isOpen) throw toRfaasError(error)
    }
    if (!isSent) this.#outbox.add(f, slot, byteLength, isCancellable)
    this.#hasSent = true
    this.#await(f, slot, waiter)
    if (!this.isOpen) this.#lost()
  }

  /**
   * As {@link invoke}, for an input that does not fit into its slot. Sends it as soon as the worker has taken the large
   * input before it. The waiter is told when it cannot be encoded.
   *
   * @param byteLength of the input
   */
  invokeLarge(f: RemoteFunction, slot: number, byteLength: number, encode: Encode, waiter: Waiter): void {
    if (this.#isClosed) throw this.#lostError('not_run')
    this.#await(f, slot, waiter)
    this.#large.add({ f, slot, byteLength, encode })
    this.#sendLarge()
    if (!this.isOpen) this.#lost()
  }

  /**
   * Sends a message of items, which lies in the slot, to the invocation there. Only when the worker wants it. The slot belongs
   * to the worker until it wants more.
   */
  sendItems(slot: number, byteLength: number): void {
    if (this.#isClosed) return
    this.#outbox.sendItems(slot, byteLength)
    this.#hasSent = true
    // Its answer is awaited like that of an invocation.
    if (this.#waiting > 0 && this.onWoken !== null) this.onWoken()
    else if (this.isOpen) this.#flushAlone()
  }

  /** Sends what waits though no answer is awaited, so that nobody polls, which would send it. */
  #flushAlone(): void {
    if (this.#isClosed || !this.isOpen) return
    this.#outbox.flush()
    if (this.#outbox.isEmpty) this.#connection.flush()
    else if (this.#waiting === 0) setImmediate(() => this.#flushAlone())
  }

  /**
   * As {@link sendItems}, for items that do not fit into the slot, as soon as the worker has taken the large payload before.
   *
   * @param refused called when they cannot be sent
   */
  sendLargeItems(
    f: RemoteFunction,
    slot: number,
    byteLength: number,
    encode: Encode,
    refused: (error: RfaasError) => void,
  ): void {
    if (this.#isClosed) return
    this.#large.add({ f, slot, byteLength, encode, refused })
    this.#sendLarge()
  }

  /** Large items of this slot that still wait are not sent. */
  forgetItems(slot: number): void {
    this.#large.remove(slot, true)
  }

  /**
   * As {@link invokeSync}, for an input that does not fit into its slot. After the result is read, call
   * {@link tookResult}.
   *
   * @throws what `encode` throws
   */
  invokeLargeSync(f: RemoteFunction, slot: number, byteLength: number, encode: Encode): number {
    for (let empty = 1; this.#spare.isTaken || this.#large.length > 0; empty++) {
      if (this.drain() > 0) continue
      if (empty % POLLS_PER_LOOK === 0 && this.#linger(empty)) throw this.#lostError('not_run')
    }
    if (this.#isClosed) throw this.#lostError('not_run')
    const bytes = this.#large.encode({ f, slot, byteLength, encode }, this.input(slot))
    this.#submitSlowly(f, slot, bytes)
    this.#spinFor(slot)
    return this.#wire.result(f, slot)
  }

  /** The result is read: when it was larger than a slot, the worker may send the next large one. */
  tookResult(): void {
    if (!this.#spare.hasArrived) return
    this.#spare.hasArrived = false
    this.#outbox.tellTaken()
  }

  /** An asynchronous invocation is in flight in the slot from now on. */
  #await(f: RemoteFunction, slot: number, waiter: Waiter): void {
    this.load.sent(f, slot)
    this.#inFlight[slot] = f
    this.#waiters[slot] = waiter
    if (this.#waiting++ === 0) this.#connection.ref()
  }

  /**
   * Tells the worker that no more items are wanted of the stream in the slot. Its end is the answer to the request that is
   * in flight, or to the next one.
   *
   * @returns false when the fabric has no room for it now
   */
  closeStream(slot: number): boolean {
    // Never before the request that has opened the stream.
    if (!this.#outbox.isEmpty) return !this.isOpen
    this.#hasSent = true
    try {
      return !this.isOpen || this.#wire.closeStream(slot)
    } catch {
      // The worker is gone, and the stream with it.
      return true
    }
  }

  /**
   * The caller of the invocation in this slot has given up, which the worker is told. The slot stays taken until the worker
   * has answered.
   *
   * @returns whether the invocation will not run: it still waited until its large input could be sent
   */
  abandon(slot: number, reason: CancelReason): boolean {
    if (!this.isInFlight(slot)) return false
    if (this.#large.remove(slot)) {
      // Later: the caller is just about to say why it has given up.
      queueMicrotask(() => this.#fail(slot, this.#lostError('not_run')))
      return true
    }
    this.#abandoned.add(slot)
    this.#outbox.cancel(this.#inFlight[slot]!, slot, reason)
    return false
  }

  /**
   * Has `onOverdue` called when the worker has not answered an invocation for this time after its caller has given up, with
   * the number of invocations that were sent to it. Until that resolves nothing is sent; when it resolves to true, the
   * worker ends, and the owner closes the channel.
   */
  watchAbandoned(graceMs: number, onOverdue: (sent: number) => Promise<boolean>): void {
    this.#abandoned.graceMs = graceMs
    this.#abandoned.onOverdue = () => onOverdue(this.lastId >>> 0)
  }

  /** Settles one invocation whose result has arrived; false when none has. */
  poll(): boolean {
    if (this.isClosed || this.#isBroken) return false
    const slot = this.#connection.poll()
    if (slot < 0) return false
    this.#settle(slot)
    return true
  }

  /**
   * Settles all invocations whose results have arrived, up to a bound that only a broken worker reaches. Returns their
   * number.
   */
  drain(): number {
    let count = 0
    this.#hasSent = false
    while (count < ARRIVALS_PER_LOOK_MAX && this.poll()) count++
    this.#outbox.flush()
    return count
  }

  /** Whether it is not armed, although something is awaited or the worker's end is watched for. */
  get mustArm(): boolean {
    return !this.#armed && !this.#isDrained && !this.isClosed && (this.#waiting > 0 || this.#watching)
  }

  /** Whether it must be disarmed before it is polled, so that the worker need not wake the client for each result. */
  get mustWake(): boolean {
    return this.#armed && !this.#isClosed
  }

  /** Disarms: while the client polls, the worker need not wake it. */
  wake(): void {
    if (!this.mustWake) return
    this.#armed = false
    this.#connection.disarm()
  }

  /** Arms, so that the worker wakes the client on the event loop. The process stays alive while an invocation waits. */
  sleep(): void {
    // The connection may have kept back what was sent until it is polled or armed.
    if (!this.#outbox.isEmpty || (this.#hasSent && this.#armed)) this.drain()
    for (let attempt = 1; this.mustArm; attempt++) {
      this.#armed = this.#connection.arm()
      if (this.#armed) return
      // Something has arrived meanwhile.
      this.drain()
      if (this.isClosed) return
      if (!this.isOpen) return this.#lost()
      // A worker that never stops sending must not hold the event loop.
      if (attempt === ARM_ATTEMPTS_PER_TURN) return void setImmediate(() => this.#ready())
    }
  }

  /** Calls {@link onLost} or {@link onDrained} as soon as the worker is gone, though nothing is in flight. */
  watchForLoss(): void {
    this.#watching = true
    this.sleep()
  }

  /** Called after the worker has drained: hands over every invocation in flight that may run elsewhere. */
  takeBack(): void {
    for (let slot = 0; slot < this.#waiters.length; slot++) if (this.#waiters[slot]?.takeBack()) this.#clear(slot)
  }

  /** Fails the invocation in a slot, once its worker is gone and the last answers are settled. */
  failInFlight(slot: number): void {
    this.#fail(slot, this.#lostError())
  }

  /**
   * Settles what has arrived, fails everything else in flight and gives the connection back. Closing twice is fine. The
   * connection is closed in the next turn of the event loop: a caller whose result in place has just been settled reads it
   * in a microtask, and would find it empty.
   *
   * @param reason for invocations that certainly did not run
   * @param cutOff for those that may have run. Default: the same
   * @param begun how many invocations the worker had begun when it ended: those that were sent later have not run.
   * Default: unknown
   */
  close(reason: RfaasError, cutOff: RfaasError = reason, begun: number = NaN): void {
    this.onFree = this.onWoken = null
    if (this.#isClosed) return
    this.drain()
    this.#isClosed = true
    this.#abandoned.close()
    this.#connection.unref()
    setImmediate(() => this.#connection.close())
    const isBegunKnown = Number.isFinite(begun)
    const unsent = new Set([...this.#large.removeAll().map(({ slot }) => slot), ...this.#outbox.clear()])
    for (let slot = 0; slot < this.#waiters.length; slot++) {
      const hasNotRun = this.#isDrained || unsent.has(slot) || (isBegunKnown && this.#wire.isAfter(slot, begun))
      if (this.#waiters[slot])
        this.#fail(slot, hasNotRun ? reason.withOutcome('not_run') : cutOff.withOutcome('unknown'))
    }
  }

  #submit(f: RemoteFunction, slot: number, byteLength: number): void {
    if (this.#isClosed) throw this.#lostError('not_run')
    try {
      if (!this.#outbox.trySend(f, slot, byteLength, false)) this.#submitSlowly(f, slot, byteLength)
    } catch (error) {
      throw this.isOpen ? toRfaasError(error) : this.#lostError('not_run')
    }
  }

  /** A full send queue needs a few polls. A worker that never makes room is broken. */
  #submitSlowly(f: RemoteFunction, slot: number, byteLength: number): void {
    let endMs = performance.now() + SUBMIT_MS_MAX
    for (;;) {
      if (this.drain() > 0) endMs = performance.now() + SUBMIT_MS_MAX
      if (this.#outbox.trySend(f, slot, byteLength, false)) return
      if (performance.now() > endMs) {
        this.#isBroken = true
        this.#lost()
      }
      if (!this.isOpen) throw this.#lostError('not_run')
      yieldProcessor()
    }
  }

  /** Sends the next invocation with a large input, if the worker has taken the last one. */
  #sendLarge(): void {
    for (let next = this.#large.next(); next !== null; next = this.#large.next()) {
      const { f, slot, refused } = next
      let byteLength: number
      if (refused !== undefined) {
        try {
          byteLength = this.#large.encode(next, this.input(slot))
        } catch (error) {
          refused(toRfaasError(error))
          continue
        }
        this.sendItems(slot, byteLength)
        continue
      }
      const waiter = this.#waiters[slot]
      // Taken back, and perhaps sent elsewhere.
      if (!waiter) continue
      try {
        byteLength = this.#large.encode(next, this.input(slot))
      } catch (error) {
        this.#clear(slot)
        waiter.failed(toRfaasError(error).withOutcome('not_run'))
        continue
      }
      this.#outbox.add(f, slot, byteLength, false)
      this.#hasSent = true
      this.#outbox.flush()
    }
  }

  /** A copy of a result in the spare room, which the worker may use again. */
  #takeLarge(byteLength: number): Uint8Array {
    const copy = this.#spare.inbound(byteLength).slice()
    this.tookResult()
    return copy
  }

  /** Settles what arrives, until it is the result of this slot. */
  #spinFor(slot: number): void {
    for (let empty = 0, isGone = false; ;) {
      const done = this.#connection.poll()
      if (done === slot) return
      if (done >= 0) {
        this.#settle(done)
        if (this.#isBroken) throw this.#lostError()
      }
      // The answer may have arrived between the last poll and the end of the worker, so there was one more poll.
      else if (isGone) throw this.#lostError()
      else if (++empty % POLLS_PER_LOOK === 0) isGone = this.#linger(empty)
    }
  }

  /**
   * Runs now and then while a result is long in coming: sends what is unsent, yields the processor, and returns whether
   * the worker is gone.
   */
  #linger(empty: number): boolean {
    this.#outbox.flush()
    yieldWhenDue(empty)
    return !this.isOpen
  }

  #settle(slot: number): void {
    const f = this.#inFlight[slot]
    const waiter = this.#waiters[slot]
    if (!f || !waiter) return this.#hear(slot)
    this.#clear(slot)
    let byteLength: number
    try {
      byteLength = this.#wire.result(f, slot)
    } catch (error) {
      waiter.failed(toRfaasError(error))
      this.tookResult()
      return
    }
    waiter.settled(byteLength)
    this.tookResult()
  }

  /**
   * Handles an immediate that answers no invocation: the farewell, or else the sign of a broken worker, which is lost.
   */
  #hear(immediate: number): void {
    if (this.#spare.hear(immediate)) return this.#sendLarge()
    if (this.sources.hear(immediate)) return
    if (immediate !== FAREWELL || this.#isDrained) {
      this.#isBroken = true
      return this.#lost()
    }
    this.#isDrained = true
    this.onDrained?.()
  }

  #fail(slot: number, error: RfaasError): void {
    const waiter = this.#waiters[slot]
    if (!waiter) return
    this.#clear(slot)
    waiter.lost(error)
  }

  /** Nothing is in flight in this slot any more. */
  #clear(slot: number): void {
    this.load.answered(this.#inFlight[slot]!, slot, --this.#waiting)
    this.#inFlight[slot] = null
    this.#waiters[slot] = null
    if (this.#waiting === 0) {
      this.#connection.unref()
      this.onIdle?.()
    }
    // The worker owes no answer any more, so it takes invocations again.
    if (this.#abandoned.isOwing && this.#abandoned.delete(slot)) this.onFree?.()
  }

  #ready(): void {
    this.#armed = false
    if (this.isClosed) return
    this.drain()
    if (this.isClosed) return
    if (!this.isOpen) this.#lost()
    else if (this.#waiting > 0 && this.onWoken) this.onWoken()
    else this.sleep()
  }

  #lost(): void {
    if (this.#isDrained && !this.#isBroken) return
    const { onLost } = this
    this.onLost = null
    onLost?.()
  }

  #lostError(outcome: Outcome = this.#isDrained ? 'not_run' : 'unknown'): RfaasError {
    return new RfaasError('executor_lost', `${this.#whom} went away during the invocation`, { outcome })
  }
}
