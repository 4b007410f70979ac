import type { Connection } from '@rfaas/fabric'

import type { CancelReason } from '../../protocol/cancel.ts'
import type { SlotLayout } from '../../protocol/slots.ts'
import type { SpareRoom } from '../../protocol/spare-room.ts'
import type { RemoteFunction, Wire } from './wire.ts'

/**
 * An invocation, the cancel of one, or items of its argument, that the fabric had no room for yet. `f` is null for items, and
 * for the notice that a large result is taken, which has no slot.
 */
interface Unsent {
  readonly f: RemoteFunction | null
  readonly slot: number
  readonly byteLength: number
  readonly isCancellable: boolean
  /** null: it is the invocation itself. */
  readonly cancel: CancelReason | null
}

/** What the outbox needs to know of its channel. */
export interface OutboxOwner {
  /** Whether the worker still takes invocations. */
  readonly isOpen: boolean
  /** Whether an asynchronous invocation is in flight in the slot. */
  isInFlight(slot: number): boolean
  /** Whether the worker still owes the answer to the invocation of a slot whose caller has given up. */
  isAbandoned(slot: number): boolean
}

const TAKEN: Unsent = { f: null, slot: -1, byteLength: 0, isCancellable: false, cancel: null }

/**
 * Sends invocations, cancels and notices to one worker, in their order. Keeps what the fabric has no room for until the next
 * {@link flush}.
 */
export class Outbox {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #wire: Wire
  readonly #spare: SpareRoom
  readonly #owner: OutboxOwner
  #unsent: Unsent[] = []
  /** Cancels that the worker may not have received yet, and the number of the last invocation before the latest. */
  #cancels = 0
  #lastIdCancelled = 0

  constructor(connection: Connection, layout: SlotLayout, wire: Wire, spare: SpareRoom, owner: OutboxOwner) {
    this.#connection = connection
    this.#layout = layout
    this.#wire = wire
    this.#spare = spare
    this.#owner = owner
  }

  get isEmpty(): boolean {
    return this.#unsent.length === 0
  }

  /**
   * Sends the invocation whose input is in the slot, or, when it is larger, in the spare room, unless something waits before
   * it.
   *
   * @returns whether it is sent; when it is not, it does not wait either
   * @throws {FabricError} `lost`, `closed`
   */
  trySend(f: RemoteFunction, slot: number, byteLength: number, isCancellable: boolean): boolean {
    return this.#unsent.length === 0 && this.#submit(f, slot, byteLength, isCancellable)
  }

  /** The invocation waits until {@link flush} can send it. */
  add(f: RemoteFunction, slot: number, byteLength: number, isCancellable: boolean): void {
    this.#unsent.push({ f, slot, byteLength, isCancellable, cancel: null })
  }

  /** Tells the worker that its large result is taken. */
  tellTaken(): void {
    try {
      if (this.#unsent.length > 0 || !this.#put(TAKEN)) this.#unsent.push(TAKEN)
    } catch {
      // The worker is gone, and sends nothing more.
    }
  }

  /** Sends items of the argument that streams in this slot: they lie there, or, when they are larger, in the spare room. */
  sendItems(slot: number, byteLength: number): void {
    this.#unsent.push({ f: null, slot, byteLength, isCancellable: false, cancel: null })
    this.flush()
  }

  /** Tells the worker that the caller of the invocation in this slot has given up. */
  cancel(f: RemoteFunction, slot: number, reason: CancelReason): void {
    // Between hosts nobody else keeps count of what is on its way. A function that is not told only runs to its end.
    const { depth, slots } = this.#layout
    if (this.#cancels >= depth - 2 * slots && !this.#areCancelsReceived()) return
    this.#cancels++
    this.#lastIdCancelled = this.#wire.lastId
    this.#unsent.push({ f, slot, byteLength: 0, isCancellable: false, cancel: reason })
    this.flush()
    if (this.#owner.isOpen) this.#connection.flush()
  }

  /** Sends what waits, as far as the fabric has room for it. */
  flush(): void {
    try {
      while (this.#unsent.length > 0 && this.#owner.isOpen) {
        if (!this.#put(this.#unsent[0]!)) return
        this.#unsent.shift()
      }
    } catch {
      // The worker is gone: the next check of the state finds that, and the channel is closed.
    }
  }

  /** Gives up what waits. @returns the slots whose invocations were not sent */
  clear(): number[] {
    const slots = this.#unsent.filter(({ f, cancel }) => f !== null && cancel === null).map(({ slot }) => slot)
    this.#unsent = []
    return slots
  }

  /** Forgets the cancels when the worker has answered an invocation that was sent after them. */
  #areCancelsReceived(): boolean {
    if (this.#layout.depth <= 2 * this.#layout.slots) return false
    for (let slot = 0; slot < this.#layout.slots; slot++) {
      if (this.#owner.isInFlight(slot) || ((this.#wire.idOf(slot) - this.#lastIdCancelled) | 0) <= 0) continue
      this.#cancels = 0
      return true
    }
    return false
  }

  /** @returns false when the fabric has no room for it now */
  #put({ f, slot, byteLength, isCancellable, cancel }: Unsent): boolean {
    // Its answer may have come meanwhile.
    if (cancel !== null) return !this.#owner.isAbandoned(slot) || this.#wire.cancel(slot, cancel)
    if (f !== null) return this.#submit(f, slot, byteLength, isCancellable)
    return slot < 0 ? this.#spare.tellTaken() : this.#wire.sendItems(slot, byteLength)
  }

  /** @returns false when the fabric has no room for it now */
  #submit(f: RemoteFunction, slot: number, byteLength: number, isCancellable: boolean): boolean {
    let isSent: boolean
    if (byteLength > this.#layout.payloadBytesMax) isSent = this.#wire.submitLarge(f, slot, byteLength)
    else if (isCancellable) isSent = this.#wire.submitCancellable(f, slot, byteLength)
    else isSent = this.#wire.submit(f, slot, byteLength)
    if (!isSent) this.#wire.unsend()
    return isSent
  }
}
