import { yieldProcessor, type Connection } from '@rfaas/fabric'

import { RfaasError, toRfaasError } from '../errors.ts'
import {
  HEADER_BYTES,
  HEADER_FUNCTION,
  HEADER_ID_HIGH,
  HEADER_ID_LOW,
  HEADER_PAYLOAD_BYTES,
  HEADER_STATUS,
  PayloadViews,
  type SlotLayout,
} from '../protocol/slots.ts'
import { decodeFailure, STATUS_OK } from '../protocol/status.ts'

/** Empty polls between two looks at the peer or the clock. */
const POLLS_PER_LOOK = 64

/** A hot worker has answered by then; any other may need the processor that we poll on. */
const POLLS_BEFORE_YIELD = 1024

/** A function as its executor numbers it. */
export interface RemoteFunction {
  readonly name: string
  readonly index: number
  readonly raw: boolean
}

/** Who waits for the result of a slot. The payload is the slot's own memory, valid during the call only. */
export interface Waiter {
  settled(payload: Uint8Array): void
  failed(error: RfaasError): void
}

/**
 * The client's side of one worker: its slots, what is in flight in them, and the two ways to wait for a result —
 * spinning, or asleep on the event loop. From submit to result nothing is allocated or copied here.
 */
export class Channel {
  readonly layout: SlotLayout
  /** Called once, when the worker is gone; the invocations in flight are then the owner's to fail. */
  onLost: (() => void) | null = null
  /** Called whenever a slot has become free. */
  onFree: (() => void) | null = null

  readonly #connection: Connection
  readonly #whom: string
  readonly #requests: Int32Array
  readonly #results: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  readonly #slotWords: number
  readonly #free: Int32Array
  #freeCount: number
  readonly #waiters: (Waiter | null)[]
  readonly #inFlight: (RemoteFunction | null)[]
  #waiting = 0
  #armed = false
  #watching = false
  /** Somebody further up polls: what a settled waiter starts must neither poll nor sleep on its own. */
  #polling = false
  #idLow = 0
  #idHigh = 0

  /** @param whom what the worker is called in error sentences */
  constructor(connection: Connection, layout: SlotLayout, whom: string) {
    this.layout = layout
    this.#whom = whom
    this.#connection = connection
    this.#requests = new Int32Array(connection.outbound)
    this.#results = new Int32Array(connection.inbound)
    this.#inputs = new PayloadViews(connection.outbound, layout)
    this.#outputs = new PayloadViews(connection.inbound, layout)
    this.#slotWords = layout.slotBytes / 4
    this.#free = Int32Array.from({ length: layout.slots }, (_, i) => layout.slots - 1 - i)
    this.#freeCount = layout.slots
    this.#waiters = new Array<Waiter | null>(layout.slots).fill(null)
    this.#inFlight = new Array<RemoteFunction | null>(layout.slots).fill(null)
    connection.onReady = () => this.#ready()
  }

  get freeSlots(): number {
    return this.#freeCount
  }

  get isOpen(): boolean {
    return this.#connection.state === 'open'
  }

  /** Whether {@link close} was called, perhaps by a waiter that has just settled. */
  get isClosed(): boolean {
    return this.#connection.state === 'closed'
  }

  /** Takes a slot, or gives -1 when all are taken. */
  take(): number {
    return this.#freeCount === 0 ? -1 : this.#free[--this.#freeCount]!
  }

  give(slot: number): void {
    this.#free[this.#freeCount++] = slot
    this.onFree?.()
  }

  /** Where the input of a slot goes, all of its room. */
  input(slot: number): Uint8Array {
    return this.#inputs.whole(slot)
  }

  isInFlight(slot: number): boolean {
    return this.#inFlight[slot] !== null
  }

  /**
   * Sends the invocation whose input is in the slot, and spins until its result is there.
   *
   * @returns the result in place, valid until the slot is used again
   * @throws {RfaasError} of the function or its worker; `executor_lost`
   */
  invokeSync(f: RemoteFunction, slot: number, byteLength: number): Uint8Array {
    this.#submit(f, slot, byteLength)
    this.#polling = true
    let isLost = false
    for (let empty = 0; !isLost;) {
      const done = this.#connection.poll()
      if (done === slot) break
      if (done >= 0) this.#settle(done)
      else if (++empty % POLLS_PER_LOOK === 0) {
        isLost = !this.isOpen
        if (empty > POLLS_BEFORE_YIELD) yieldProcessor()
      }
    }
    this.#polling = false
    this.#inFlight[slot] = null
    if (this.#waiting > 0) this.#await()
    if (isLost) throw this.#lostError()
    return this.#result(f, slot)
  }

  /**
   * Sends the invocation whose input is in the slot; the waiter hears of the result on the event loop, or during the
   * spin that may follow. When the worker is gone already, the waiter hears the reason from {@link close}, as those do
   * that were in flight.
   */
  invoke(f: RemoteFunction, slot: number, byteLength: number, waiter: Waiter): void {
    try {
      this.#submit(f, slot, byteLength)
    } catch (error) {
      if (this.isOpen || this.isClosed) throw error
      this.#inFlight[slot] = f
    }
    this.#waiters[slot] = waiter
    this.#waiting++
    if (!this.isOpen) this.#lost()
  }

  /** Polls until the slot has settled or the time is over; whoever is still in flight is then awaited on the loop. */
  spin(slot: number, spinMs: number): void {
    if (this.#polling) return
    if (spinMs > 0) {
      this.#polling = true
      const endMs = performance.now() + spinMs
      for (let polls = 1; this.#waiters[slot] !== null; polls++) {
        const done = this.#connection.poll()
        if (done >= 0) this.#settle(done)
        else if (polls % POLLS_PER_LOOK === 0 && performance.now() >= endMs) break
      }
      this.#polling = false
    }
    this.#await()
  }

  /** Has {@link onLost} called as soon as the worker is gone, though nothing is in flight. */
  watchForLoss(): void {
    this.#watching = true
    this.#await()
  }

  /** Fails everything in flight and gives the connection back. Closing twice is fine. */
  close(error: RfaasError): void {
    this.#connection.close()
    this.#waiting = 0
    for (let slot = 0; slot < this.#waiters.length; slot++) {
      this.#inFlight[slot] = null
      const waiter = this.#waiters[slot]
      this.#waiters[slot] = null
      waiter?.failed(error)
    }
  }

  #submit(f: RemoteFunction, slot: number, byteLength: number): void {
    const base = slot * this.#slotWords
    this.#idLow = (this.#idLow + 1) | 0
    if (this.#idLow === 0) this.#idHigh = (this.#idHigh + 1) | 0
    this.#requests[base + HEADER_ID_LOW] = this.#idLow
    this.#requests[base + HEADER_ID_HIGH] = this.#idHigh
    this.#requests[base + HEADER_FUNCTION] = f.index
    this.#requests[base + HEADER_PAYLOAD_BYTES] = byteLength
    try {
      // There are no more slots than immediates may be on their way, but a full send queue may need a few polls.
      while (!this.#connection.write(slot * this.layout.slotBytes, HEADER_BYTES + byteLength, slot)) {
        const done = this.#connection.poll()
        if (done >= 0) this.#settle(done)
      }
    } catch (error) {
      throw this.isOpen ? toRfaasError(error) : this.#lostError()
    }
    this.#inFlight[slot] = f
  }

  /** Checks the header that came back, then gives the payload in place. */
  #result(f: RemoteFunction, slot: number): Uint8Array {
    const base = slot * this.#slotWords
    const status = this.#results[base + HEADER_STATUS]!
    const bytes = this.#results[base + HEADER_PAYLOAD_BYTES]!
    if (
      this.#results[base + HEADER_ID_LOW] !== this.#requests[base + HEADER_ID_LOW] ||
      this.#results[base + HEADER_ID_HIGH] !== this.#requests[base + HEADER_ID_HIGH]
    ) {
      throw new RfaasError('internal', `Cannot read the result of ${f.name}: it answers another invocation`)
    }
    if (bytes < 0 || bytes > this.layout.payloadBytesMax) {
      throw new RfaasError('internal', `Cannot read the result of ${f.name}: it claims ${bytes} bytes`)
    }
    const payload = this.#outputs.first(slot, bytes)
    if (status !== STATUS_OK) throw decodeFailure(status, payload, f.name)
    return payload
  }

  #settle(slot: number): void {
    const f = this.#inFlight[slot]
    const waiter = this.#waiters[slot]
    // Only a broken worker answers what nobody asked.
    if (!f || !waiter) return
    this.#inFlight[slot] = null
    this.#waiters[slot] = null
    this.#waiting--
    try {
      waiter.settled(this.#result(f, slot))
    } catch (error) {
      waiter.failed(toRfaasError(error))
    }
  }

  #drain(): void {
    this.#polling = true
    for (let done = this.#connection.poll(); done >= 0; done = this.#connection.poll()) this.#settle(done)
    this.#polling = false
  }

  /** Sleeps on the event loop while there is something to hear of; the process is kept alive while somebody waits. */
  #await(): void {
    if (this.isClosed) return
    while ((this.#waiting > 0 || this.#watching) && !this.#armed) {
      this.#armed = this.#connection.arm()
      if (this.#armed) break
      this.#drain()
      if (!this.isOpen) return this.#lost()
    }
    if (this.#waiting > 0) this.#connection.ref()
    else this.#connection.unref()
  }

  #ready(): void {
    this.#armed = false
    if (this.isClosed) return
    this.#drain()
    if (this.isClosed) return
    if (!this.isOpen) this.#lost()
    else this.#await()
  }

  #lost(): void {
    const { onLost } = this
    this.onLost = null
    onLost?.()
  }

  #lostError(): RfaasError {
    return new RfaasError('executor_lost', `${this.#whom} went away during the invocation`)
  }
}
