import { RfaasError } from '../../errors.ts'
import { TOOK_BYTES, tookAt } from '../../protocol/piece-layout.ts'
import type { Channel } from '../calls/channel.ts'
import type { Dispatcher } from '../calls/dispatcher.ts'
import type { Slot } from '../calls/slot.ts'
import type { Waiter } from '../calls/waiter.ts'
import type { RemoteFunction } from '../calls/wire.ts'
import { Cost } from './cost.ts'
import type { Range } from './ranges.ts'

/** Slots of a worker: one piece is computed, the next one lies ready. */
export const LANES = 2

/** What a piece's way costs before it was measured, in ms. */
const OVERHEAD_MS = { memory: 0.01, network: 0.1 }
/** How fast the least that was measured is forgotten. */
const FORGET = 1.02

/** What the lanes tell the run that they work for. */
export interface PieceListener {
  computed(lane: Lane, range: Range, output: Uint8Array): void
  failed(error: RfaasError): void
  /** The worker is gone; others compute the piece. */
  lost(lane: Lane, range: Range, error: RfaasError): void
}

/** A worker as a loop uses it. */
export class LoopWorker {
  readonly channel: Channel
  readonly dispatcher: Dispatcher
  readonly f: RemoteFunction
  /** The lease's place in the loop's list. */
  readonly lease: number
  readonly lanes: Lane[] = []
  /** Milliseconds of an item. */
  readonly cost: Cost = new Cost()
  /** Milliseconds from sending a piece to its result, without those of the kernel; the least that was measured lately. */
  overheadMs: number
  /** Called when a lane has computed a piece of a run that is over. */
  onFree: ((lane: Lane) => void) | null = null
  /** Whether the client's sleep on this worker was ended by a run. */
  isWoken = false

  constructor(channel: Channel, dispatcher: Dispatcher, f: RemoteFunction, lease: number) {
    this.channel = channel
    this.dispatcher = dispatcher
    this.f = f
    this.lease = lease
    this.overheadMs = channel.pollsMemory ? OVERHEAD_MS.memory : OVERHEAD_MS.network
  }

  /** Whether none of its lanes computes. */
  get isIdle(): boolean {
    return this.lanes.every(({ isBusy }) => !isBusy)
  }

  measured(range: Range, tookMs: number, roundTripMs: number | null): void {
    this.cost.add(tookMs, range.count)
    if (roundTripMs !== null) this.overheadMs = Math.min(this.overheadMs * FORGET, Math.max(0, roundTripMs - tookMs))
  }
}

/** One slot of a worker, in which pieces travel one after the other. */
export class Lane implements Waiter {
  readonly worker: LoopWorker
  readonly #slot: Slot
  #range: Range | null = null
  /** null: the run is over, and its answer is not awaited any more. */
  #listener: PieceListener | null = null
  #sentMs = 0
  #resultBytes = 0
  #wasIdle = false

  constructor(worker: LoopWorker, slot: Slot) {
    this.worker = worker
    this.#slot = slot
  }

  get isBusy(): boolean {
    return this.#range !== null
  }

  /** Where the piece is written. */
  get input(): Uint8Array {
    return this.#slot.input
  }

  /** Fails what is in flight once the worker is gone. */
  failIfLost(): void {
    const { channel } = this.worker
    if (!this.isBusy || channel.isOpen || channel.isClosed) return
    // Answers that arrived before the worker was gone count.
    channel.drain()
    channel.failInFlight(this.#slot.index)
  }

  /** Sends the piece whose input was written; false when the worker is gone. */
  send(range: Range, byteLength: number, resultBytes: number, listener: PieceListener): boolean {
    const { channel, f } = this.worker
    this.#wasIdle = this.worker.isIdle
    this.#range = range
    this.#listener = listener
    this.#resultBytes = resultBytes
    this.#sentMs = performance.now()
    try {
      channel.invoke(f, this.#slot.index, byteLength, this)
      return true
    } catch {
      // Who removes the lost worker says why; here it is enough that others compute the piece.
      this.#range = this.#listener = null
      return false
    }
  }

  /** The run is over; what still comes is not for it. */
  forget(): void {
    this.#listener = null
  }

  release(): void {
    this.#slot.release()
  }

  settled(byteLength: number): void {
    const resultBytes = this.#resultBytes
    const { range, listener } = this.#end()
    const at = tookAt(resultBytes)
    if (byteLength !== at + TOOK_BYTES) {
      const sentence = `Cannot read the results of ${this.worker.f.name}: the worker's kernel has another shape`
      return void listener?.failed(new RfaasError('invalid_argument', sentence, { outcome: 'ran' }))
    }
    const output = this.worker.channel.output(this.#slot.index)
    const tookMs = new DataView(output.buffer, output.byteOffset).getFloat64(at, true)
    const roundTripMs = this.#wasIdle ? performance.now() - this.#sentMs : null
    if (range.count > 0 && tookMs >= 0) this.worker.measured(range, tookMs, roundTripMs)
    listener?.computed(this, range, output)
  }

  failed(error: RfaasError): void {
    this.#end().listener?.failed(error)
  }

  lost(error: RfaasError): void {
    const { range, listener } = this.#end()
    listener?.lost(this, range, error)
  }

  takeBack(): boolean {
    const { range, listener } = this.#end()
    const sentence = `Cannot compute items ${range.first} to ${range.first + range.count - 1}: their worker takes no more`
    listener?.lost(this, range, new RfaasError('executor_lost', sentence, { outcome: 'not_run' }))
    return true
  }

  #end(): { range: Range; listener: PieceListener | null } {
    const range = this.#range!
    const listener = this.#listener
    this.#range = this.#listener = null
    if (this.#slot.isReleased) this.worker.channel.unreserve(this.#slot.index)
    else if (listener === null) this.worker.onFree?.(this)
    return { range, listener }
  }
}
