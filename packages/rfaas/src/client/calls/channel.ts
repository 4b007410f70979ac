import { yieldProcessor, type Connection } from '@rfaas/fabric'

import { RfaasError, toRfaasError } from '../../errors.ts'
import {
  HEADER_BYTES,
  HEADER_FUNCTION,
  HEADER_ID,
  HEADER_PAYLOAD_BYTES,
  HEADER_STATUS,
  PayloadViews,
  type SlotLayout,
} from '../../protocol/slots.ts'
import { decodeFailure, STATUS_OK } from '../../protocol/status.ts'

/** Empty polls between two looks at the peer. */
export const POLLS_PER_LOOK = 64

/** A hot worker has answered by then, over any fabric; any other may need the processor that we poll on. */
export const POLLS_BEFORE_YIELD = 256

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
 * The client's side of one worker: its slots, what is in flight in them, and their results, for which one can spin or
 * sleep on the event loop. From submit to result nothing is allocated or copied here.
 */
export class Channel {
  readonly layout: SlotLayout
  /** Called once, when the worker is gone; the invocations in flight are then the owner's to fail. */
  onLost: (() => void) | null = null
  /** Called whenever a slot has become free. */
  onFree: (() => void) | null = null
  /** Called on the event loop after a sleep, when what came has settled and something is still awaited. */
  onWoken: (() => void) | null = null

  readonly #connection: Connection
  readonly #slotBytes: number
  readonly #payloadBytesMax: number
  readonly #whom: string
  readonly #headersOut: Int32Array
  readonly #headersIn: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  readonly #free: Int32Array
  #freeCount: number
  readonly #waiters: (Waiter | null)[]
  readonly #inFlight: (RemoteFunction | null)[]
  /** Of the asynchronous invocation in each slot: what was sent must come back, and the peer cannot write here. */
  readonly #ids: Int32Array
  #waiting = 0
  #armed = false
  #watching = false
  #id = 0

  /** @param whom what the worker is called in error sentences */
  constructor(connection: Connection, layout: SlotLayout, whom: string) {
    this.layout = layout
    this.#slotBytes = layout.slotBytes
    this.#payloadBytesMax = layout.payloadBytesMax
    this.#whom = whom
    this.#connection = connection
    this.#headersOut = connection.headersOut
    this.#headersIn = connection.headersIn
    this.#inputs = new PayloadViews(connection.outbound, layout)
    this.#outputs = new PayloadViews(connection.inbound, layout)
    this.#free = Int32Array.from({ length: layout.slots }, (_, i) => layout.slots - 1 - i)
    this.#freeCount = layout.slots
    this.#waiters = new Array<Waiter | null>(layout.slots).fill(null)
    this.#inFlight = new Array<RemoteFunction | null>(layout.slots).fill(null)
    this.#ids = new Int32Array(layout.slots)
    connection.onReady = () => this.#ready()
  }

  get freeSlots(): number {
    return this.#freeCount
  }

  /** Asynchronous invocations in flight. */
  get waiting(): number {
    return this.#waiting
  }

  get isOpen(): boolean {
    return this.#connection.state === 'open'
  }

  /** Whether {@link close} was called, perhaps by a waiter that has just settled. */
  get isClosed(): boolean {
    return this.#connection.state === 'closed'
  }

  /** Takes a slot, or gives -1 when all are taken. The one that was given back last is the likeliest in the cache. */
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
    const connection = this.#connection
    const { wakes } = connection
    const id = this.#nextId()
    this.#submit(f, slot, id, byteLength)
    // The kernel may have put whom we woke behind us on this processor, where we are about to poll for it.
    if (connection.wakes !== wakes) yieldProcessor()
    this.#spinFor(slot)
    this.#inFlight[slot] = null
    return this.#result(f, slot, id)
  }

  /**
   * Sends the invocation whose input is in the slot. The waiter hears of the result from whoever polls. When the worker
   * is gone already, it hears the reason from {@link close}, as those do that were in flight.
   */
  invoke(f: RemoteFunction, slot: number, byteLength: number, waiter: Waiter): void {
    const id = (this.#ids[slot] = this.#nextId())
    try {
      this.#submit(f, slot, id, byteLength)
    } catch (error) {
      if (this.isOpen || this.isClosed) throw error
      this.#inFlight[slot] = f
    }
    this.#waiters[slot] = waiter
    if (this.#waiting++ === 0) this.#connection.ref()
    if (!this.isOpen) this.#lost()
  }

  /** Settles one invocation whose result has come; false when none has. */
  poll(): boolean {
    if (this.isClosed) return false
    const done = this.#connection.poll()
    if (done < 0) return false
    this.#settle(done)
    return true
  }

  /** Settles all whose results have come; how many. */
  drain(): number {
    let count = 0
    while (this.poll()) count++
    return count
  }

  /** While somebody polls, the worker need not wake us. */
  wake(): void {
    if (!this.#armed) return
    this.#armed = false
    this.#connection.disarm()
  }

  /** Sleeps on the event loop until there is something to hear of; the process is kept alive while somebody waits. */
  sleep(): void {
    while (!this.#armed && (this.#waiting > 0 || this.#watching) && !this.isClosed) {
      this.#armed = this.#connection.arm()
      if (this.#armed) return
      this.drain()
      if (!this.isOpen) return this.#lost()
    }
  }

  /** Has {@link onLost} called as soon as the worker is gone, though nothing is in flight. */
  watchForLoss(): void {
    this.#watching = true
    this.sleep()
  }

  /** Gives up on an invocation in flight, for its worker is gone. */
  forsake(slot: number): void {
    const waiter = this.#waiters[slot]
    if (!waiter) return
    this.#inFlight[slot] = null
    this.#waiters[slot] = null
    if (--this.#waiting === 0) this.#connection.unref()
    waiter.failed(this.#lostError())
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

  #nextId(): number {
    return (this.#id = (this.#id + 1) | 0)
  }

  #submit(f: RemoteFunction, slot: number, id: number, byteLength: number): void {
    try {
      // There are no more slots than immediates may be on their way, but a full send queue may need a few polls.
      while (!this.#write(f.index, slot, id, byteLength)) this.poll()
    } catch (error) {
      throw this.isOpen ? toRfaasError(error) : this.#lostError()
    }
    this.#inFlight[slot] = f
  }

  #write(index: number, slot: number, id: number, byteLength: number): boolean {
    const offset = slot * this.#slotBytes
    const headers = this.#headersOut
    const header = this.#connection.headerOut(offset)
    headers[header + HEADER_ID] = id
    headers[header + HEADER_FUNCTION] = index
    headers[header + HEADER_PAYLOAD_BYTES] = byteLength
    return this.#connection.write(offset, HEADER_BYTES + byteLength, slot)
  }

  /** Settles what comes, until it is of this slot. */
  #spinFor(slot: number): void {
    for (let empty = 0; ;) {
      const done = this.#connection.poll()
      if (done === slot) return
      if (done >= 0) this.#settle(done)
      else if (++empty % POLLS_PER_LOOK === 0) this.#linger(slot, empty)
    }
  }

  /** Now and then while a result is long in coming: looks whether it can still come, and lets others run. */
  #linger(slot: number, empty: number): void {
    if (!this.isOpen) {
      this.#inFlight[slot] = null
      throw this.#lostError()
    }
    if (empty > POLLS_BEFORE_YIELD) yieldProcessor()
  }

  /** Checks the header that came with the last immediate, then gives the payload in place. */
  #result(f: RemoteFunction, slot: number, id: number): Uint8Array {
    const headers = this.#headersIn
    const header = this.#connection.headerIn(slot * this.#slotBytes)
    const isOurs = headers[header + HEADER_ID] === id
    const status = headers[header + HEADER_STATUS]!
    const bytes = headers[header + HEADER_PAYLOAD_BYTES]!
    if (!isOurs || status !== STATUS_OK || bytes >>> 0 > this.#payloadBytesMax)
      this.#refuse(f, slot, isOurs, status, bytes)
    return this.#outputs.first(slot, bytes)
  }

  /** Says what is wrong with a result: the function threw, or the worker is broken. */
  #refuse(f: RemoteFunction, slot: number, isOurs: boolean, status: number, bytes: number): never {
    if (!isOurs) throw new RfaasError('internal', `Cannot read the result of ${f.name}: it answers another invocation`)
    if (bytes < 0 || bytes > this.#payloadBytesMax) {
      throw new RfaasError('internal', `Cannot read the result of ${f.name}: it claims ${bytes} bytes`)
    }
    throw decodeFailure(status, this.#outputs.first(slot, bytes), f.name)
  }

  #settle(slot: number): void {
    const f = this.#inFlight[slot]
    const waiter = this.#waiters[slot]
    // Only a broken worker answers what nobody asked.
    if (!f || !waiter) return
    this.#inFlight[slot] = null
    this.#waiters[slot] = null
    if (--this.#waiting === 0) this.#connection.unref()
    let payload: Uint8Array
    try {
      payload = this.#result(f, slot, this.#ids[slot]!)
    } catch (error) {
      waiter.failed(toRfaasError(error))
      return
    }
    waiter.settled(payload)
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
    const { onLost } = this
    this.onLost = null
    onLost?.()
  }

  #lostError(): RfaasError {
    return new RfaasError('executor_lost', `${this.#whom} went away during the invocation`)
  }
}
