import { FabricError, type Connection } from '@rfaas/fabric'

import type { RawFunction } from '../raw.ts'
import { withLast } from '../with-context.ts'
import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { CANCEL_MIN, CANCELLABLE, idEnd, readCancel, readTimeLeft, TIME_LEFT_BYTES } from '../protocol/cancel.ts'
import { decodeArguments } from '../protocol/codec.ts'
import {
  CLOSE_STREAM,
  MESSAGE_FUNCTION,
  MESSAGE_ID,
  MESSAGE_PAYLOAD_BYTES,
  PayloadViews,
  type SlotLayout,
} from '../protocol/slots.ts'
import { SHARE_FUNCTION_FIRST } from '../protocol/share-functions.ts'
import { SpareRoom } from '../protocol/spare-room.ts'
import { STATUS_CANCELLED, STATUS_MALFORMED, STATUS_UNKNOWN_FUNCTION } from '../protocol/status.ts'
import { STREAMED } from '../protocol/streamed-argument.ts'
import { reasonOf } from '../thrown.ts'
import { Answers } from './answers.ts'
import { InvocationContext } from './invocation-context.ts'
import { LargeInputs } from './large-inputs.ts'
import type { LoadedFunction } from './load.ts'
import { OpenArguments } from './open-arguments.ts'
import { OpenStreams, type AnyGenerator } from './open-streams.ts'
import { servedOf, type ServedFunction } from './served-function.ts'

/** The worker that serves. */
export interface ServingWorker {
  /** Count every invocation before it begins. */
  readonly meters: Meters
  readonly index: number
  /** How many workers the lease has on this node. */
  readonly count: number
}

/** An invocation that was received, and has not begun. */
interface Ahead {
  readonly slot: number
  readonly id: number
  readonly index: number
  readonly bytes: number
  isCancelled: boolean
}

/**
 * Serves the invocation in a slot: reads its words, calls the function on the payload in place, and answers. For a
 * synchronous raw function nothing is allocated and nothing copied. Whatever a function throws, returns or rejects with
 * is answered; only exceptions of the connection leave this class.
 */
export class InvocationServer {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #functions: readonly ServedFunction[]
  readonly #worker: ServingWorker
  readonly #meters: Meters
  readonly #received: Int32Array
  readonly #inputs: PayloadViews
  readonly #ours: readonly ServedFunction[]
  readonly #spare: SpareRoom
  readonly #answers: Answers
  readonly #large: LargeInputs
  /** Invocations that were received while the worker looked for cancels, in order. */
  readonly #ahead: Ahead[] = []
  /** The contexts of invocations that have begun and not ended, by slot. */
  readonly #running = new Map<number, { id: number; context: InvocationContext }>()
  readonly #streams: OpenStreams
  readonly #arguments: OpenArguments
  /** Called when an asynchronous function has answered, or a stream. */
  onSettled: (() => void) | null = null
  /** Asked before each further invocation of one `serve`: false leaves the rest for later. null: they follow. */
  mayGoOn: (() => boolean) | null = null
  /** Asynchronous functions that have not settled, and streams that are not over. */
  pending = 0

  /**
   * @param worker default: the only one, and not metered
   * @param ours typed functions of rfaas, numbered from SHARE_FUNCTION_FIRST
   */
  constructor(
    connection: Connection,
    layout: SlotLayout,
    functions: readonly LoadedFunction[],
    worker: ServingWorker = { meters: new Meters(new ArrayBuffer(METER_BYTES), 0), index: 0, count: 1 },
    ours: readonly LoadedFunction[] = [],
  ) {
    this.#connection = connection
    this.#layout = layout
    this.#functions = functions.map(servedOf)
    this.#ours = ours.map(servedOf)
    this.#worker = worker
    this.#meters = worker.meters
    this.#received = connection.received
    this.#inputs = new PayloadViews(connection.inbound, layout)
    this.#spare = new SpareRoom(connection, layout)
    this.#answers = new Answers(connection, layout, this.#spare)
    this.#large = new LargeInputs(layout, this.#spare, this.#answers)
    const onOver = (): void => {
      this.pending--
      this.onSettled?.()
    }
    const answerLater = (answer: () => void): void => this.#answerLater(answer)
    this.#arguments = new OpenArguments(layout, this.#inputs, this.#spare, this.#answers, answerLater)
    const onTold = (slot: number): void => {
      this.#running.delete(slot)
      this.#arguments.end(slot)
    }
    this.#streams = new OpenStreams(this.#answers, answerLater, onTold, onOver)
  }

  /** Whether every answer is on its way. */
  get allSent(): boolean {
    return this.#answers.areAllSent
  }

  /** Tries again to send what the fabric had no room for. */
  flush(): void {
    this.#answers.flush()
  }

  /**
   * Serves the invocation that the last immediate has brought. An immediate that names no slot cancels an invocation or closes a stream, belongs
   * to the spare room, or comes from a broken client and is ignored.
   */
  serve(slot: number): void {
    if (slot >= this.#layout.slots) return this.#hear(slot)
    const id = this.#received[MESSAGE_ID]!
    const index = this.#received[MESSAGE_FUNCTION]!
    const bytes = this.#received[MESSAGE_PAYLOAD_BYTES]!
    const f = this.#functions[index]
    if (f === undefined) return this.#serveAhead({ slot, id, index, bytes, isCancelled: false })
    // Count before the answer is out: the client may end us as soon as it has that.
    this.#meters.countInvocation()
    if (bytes < 0 || bytes > this.#layout.payloadBytesMax) {
      this.#serveLarge(f, slot, id, bytes)
      return
    }
    if (f.isPlainRaw) this.#serveRaw(f.call as RawFunction, slot, id, this.#inputs.first(slot, bytes))
    else this.#serveOther(f, slot, id, this.#inputs.whole(slot), bytes, Infinity)
  }

  /** @param room where the input lies, from its first byte on */
  #serveOther(f: ServedFunction, slot: number, id: number, room: Uint8Array, bytes: number, leftMs: number): void {
    if (f.wantsContext) this.#serveWithContext(f, slot, id, room, bytes, leftMs)
    else if (f.streams) this.#serveStream(f.call, slot, id, room, bytes)
    else this.#serveCall(f.isRaw, f.call, slot, id, room, bytes)
  }

  #serveCall(
    isRaw: boolean,
    call: ServedFunction['call'],
    slot: number,
    id: number,
    room: Uint8Array,
    bytes: number,
  ): void {
    if (!isRaw) this.#serveTyped(call, slot, id, room, bytes)
    else if (bytes > this.#layout.payloadBytesMax) this.#serveLargeRaw(call as RawFunction, slot, id, room)
    else this.#serveRaw(call as RawFunction, slot, id, this.#inputs.first(slot, bytes))
  }

  /** Serves an invocation whose input is larger than a slot and lies in the spare room. */
  #serveLarge(f: ServedFunction, slot: number, id: number, bytes: number): void {
    const room = this.#large.read(slot, id, bytes)
    if (room !== null) this.#serveOther(f, slot, id, room, bytes, Infinity)
  }

  /** The function reads its input in place, and has as much room for its result, in memory of its own. */
  #serveLargeRaw(call: RawFunction, slot: number, id: number, input: Uint8Array): void {
    let result: unknown
    let isPromised: boolean
    let output: Uint8Array
    try {
      output = new Uint8Array(input.length)
      result = call(input, output)
      isPromised = typeof result !== 'number' && isThenable(result)
    } catch (thrown) {
      this.#answers.tellTaken()
      this.#answers.fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, true, result, output)
    else this.#answers.returnLargeRaw(slot, id, result, output)
  }

  /**
   * Serves an invocation that its client may cancel, and all that have arrived behind it: to find the cancels that have
   * arrived, the worker has to receive what came before them.
   */
  #serveAhead(first: Ahead): void {
    this.#ahead.push(first)
    this.serveAhead()
  }

  /** Whether invocations are left that {@link serve} has received, because {@link mayGoOn} said no. */
  get hasAhead(): boolean {
    return this.#ahead.length > 0
  }

  /** Serves those that are left, until {@link mayGoOn} says no. Comes before the next `serve`, so that their order stays. */
  serveAhead(): void {
    const ahead = this.#ahead
    while (ahead.length > 0) {
      this.#lookAhead()
      this.#begin(ahead.shift()!)
      if (ahead.length > 0 && this.mayGoOn?.() === false) return
    }
  }

  #lookAhead(): void {
    while (this.#ahead.length < this.#layout.slots) {
      const slot = this.#connection.poll()
      if (slot < 0) return
      if (slot >= this.#layout.slots) {
        this.#hear(slot)
        continue
      }
      const id = this.#received[MESSAGE_ID]!
      const index = this.#received[MESSAGE_FUNCTION]!
      this.#ahead.push({ slot, id, index, bytes: this.#received[MESSAGE_PAYLOAD_BYTES]!, isCancelled: false })
    }
  }

  /** Begins an invocation, unless it is cancelled. Those count as well: the count says which ones certainly did not run. */
  #begin({ slot, id, index, bytes: allBytes, isCancelled }: Ahead): void {
    this.#meters.countInvocation()
    const isCancellable = (index & CANCELLABLE) !== 0
    const number = index & ~(CANCELLABLE | STREAMED)
    const f = this.#functions[number] ?? this.#ours[number - SHARE_FUNCTION_FIRST]
    const bytes = isCancellable ? allBytes - TIME_LEFT_BYTES : allBytes
    // The next items of a stream are not an invocation that could be left out: their answer ends the stream.
    const isRefused = isCancelled && !this.#streams.has(slot)
    if (isRefused || f === undefined) {
      this.#large.drop(allBytes)
      if (isRefused) this.#answers.refuse(slot, id, STATUS_CANCELLED, 'the caller gave up before it began')
      else this.#answers.refuse(slot, id, STATUS_UNKNOWN_FUNCTION, `the module has no function number ${number}`)
      return
    }
    const isLarge = bytes < 0 || allBytes > this.#layout.payloadBytesMax
    const room = isLarge ? this.#large.read(slot, id, allBytes) : this.#inputs.whole(slot)
    if (room === null) return
    const leftMs = isCancellable ? readTimeLeft(room, bytes) : Infinity
    const called = (index & STREAMED) === 0 ? f : this.#arguments.bind(f, slot, id)
    this.#serveOther(called, slot, id, room, bytes, leftMs)
  }

  /** Hears an immediate that brings no invocation. */
  #hear(immediate: number): void {
    if (immediate < CANCEL_MIN) {
      if (this.#spare.hear(immediate)) this.#answers.flush()
      else if (!this.#arguments.hear(immediate)) {
        const slot = immediate - CLOSE_STREAM
        if (this.#streams.has(slot)) this.#running.get(slot)?.context.cancel('aborted')
        this.#arguments.abort(slot)
        this.#streams.close(slot)
      }
      return
    }
    const { slot, idEnd: end, reason } = readCancel(immediate)
    this.#arguments.cancel(slot, end, reason)
    const waiting = this.#ahead.find((one) => one.slot === slot && idEnd(one.id) === end)
    if (waiting !== undefined) waiting.isCancelled = true
    const running = this.#running.get(slot)
    if (running !== undefined && idEnd(running.id) === end) running.context.cancel(reason)
  }

  #serveWithContext(
    f: ServedFunction,
    slot: number,
    id: number,
    room: Uint8Array,
    bytes: number,
    leftMs: number,
  ): void {
    // The next items of a stream that has its context.
    if (f.streams && bytes === 0 && this.#streams.has(slot)) return this.#serveStream(f.call, slot, id, room, bytes)
    const context = new InvocationContext(id, this.#worker.index, this.#worker.count, leftMs)
    const { pending } = this
    this.#running.set(slot, { id, context })
    const call = f.call as (...args: unknown[]) => unknown
    const bound = f.isRaw
      ? (input: Uint8Array, output: Uint8Array): unknown => call(input, output, context)
      : (...args: unknown[]): unknown => call(...withLast(args, call.length, context))
    if (f.streams) this.#serveStream(bound, slot, id, room, bytes)
    else this.#serveCall(f.isRaw, bound, slot, id, room, bytes)
    // It has answered already.
    if (this.pending === pending) this.#running.delete(slot)
  }

  #serveRaw(call: RawFunction, slot: number, id: number, input: Uint8Array): void {
    let result: unknown
    let isPromised: boolean
    try {
      result = call(input, this.#answers.room(slot))
      isPromised = typeof result !== 'number' && isThenable(result)
    } catch (thrown) {
      this.#answers.fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, true, result)
    else this.#answers.returnRaw(slot, id, result)
  }

  /** @param room where the input lies, from its first byte on */
  #serveTyped(call: (...args: never[]) => unknown, slot: number, id: number, room: Uint8Array, bytes: number): void {
    let args: unknown[]
    try {
      args = decodeArguments(room, bytes)
      if (bytes > this.#layout.payloadBytesMax) this.#answers.tellTaken()
    } catch (error) {
      if (error instanceof FabricError) throw error
      if (bytes > this.#layout.payloadBytesMax) this.#answers.tellTaken()
      this.#answers.refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return
    }
    let result: unknown
    let isPromised: boolean
    try {
      result = call(...(args as never[]))
      isPromised = isThenable(result)
    } catch (thrown) {
      this.#answers.fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, false, result)
    else this.#answers.returnValue(slot, id, result)
  }

  /** Begins a stream, or, without a payload, goes on with the one in the slot. */
  #serveStream(call: ServedFunction['call'], slot: number, id: number, room: Uint8Array, bytes: number): void {
    const isOpen = this.#streams.has(slot)
    if (isOpen && bytes === 0) {
      this.#meters.countContinuation()
      return this.#streams.ask(slot, id)
    }
    let args: unknown[]
    try {
      if (isOpen) throw new Error('a stream is open in its slot')
      args = decodeArguments(room, bytes)
    } catch (error) {
      this.#large.drop(bytes)
      this.#answers.refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return
    }
    this.#large.drop(bytes)
    let generator: AnyGenerator
    try {
      generator = call(...(args as never[])) as AnyGenerator
    } catch (thrown) {
      // Such as what a default value throws: nothing else of a generator has run yet.
      this.#answers.fail(slot, id, thrown)
      return
    }
    this.pending++
    this.#streams.open(slot, id, generator)
  }

  /** Ends all streams in both directions, and runs the `finally` of generators: their client has gone. */
  closeStreams(): void {
    this.#arguments.abortAll()
    this.#streams.closeAll()
  }

  /** Answers at a time when the client may be gone. */
  #answerLater(answer: () => void): void {
    this.#answers.answerIfOpen(answer)
    this.onSettled?.()
  }

  /**
   * Answers when the promise settles. `await` uses the first outcome of a thenable that settles twice, and also catches
   * what its `then` throws.
   *
   * @param output where a raw function with a large input writes its result. Default: the slot
   */
  async #await(
    slot: number,
    id: number,
    raw: boolean,
    promise: unknown,
    output: Uint8Array | null = null,
  ): Promise<void> {
    this.pending++
    let outcome: unknown
    let isThrown = false
    try {
      outcome = await promise
    } catch (thrown) {
      outcome = thrown
      isThrown = true
    }
    this.pending--
    if (this.#running.size > 0) this.#running.delete(slot)
    this.#answerLater(() => {
      if (output !== null && isThrown) this.#answers.tellTaken()
      if (isThrown) this.#answers.fail(slot, id, outcome)
      else if (output !== null) this.#answers.returnLargeRaw(slot, id, outcome, output)
      else if (raw) this.#answers.returnRaw(slot, id, outcome)
      else this.#answers.returnValue(slot, id, outcome)
    })
  }
}

/** @throws what a getter `then` of the value throws */
function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false
  return typeof (value as { then?: unknown }).then === 'function'
}
