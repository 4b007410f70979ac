import { types } from 'node:util'

import { FabricError, type Connection } from '@rfaas/fabric'

import type { RawFunction } from '../raw.ts'
import { withLast } from '../with-context.ts'
import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { CANCEL_MIN, CANCELLABLE, idEnd, readCancel, readTimeLeft, TIME_LEFT_BYTES } from '../protocol/cancel.ts'
import { decodeArguments, encodeValue, NotCloneableError } from '../protocol/codec.ts'
import { encodeSentence, encodeThrown } from '../protocol/failure-bytes.ts'
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
import {
  STATUS_CANCELLED,
  STATUS_FUNCTION_FAILED,
  STATUS_MALFORMED,
  STATUS_OK,
  STATUS_RESULT_REFUSED,
  STATUS_RESULT_TOO_LARGE,
  STATUS_UNKNOWN_FUNCTION,
} from '../protocol/status.ts'
import { printed, reasonOf } from '../thrown.ts'
import { InvocationContext } from './invocation-context.ts'
import type { LoadedFunction } from './load.ts'
import { ResultStream, type AnyGenerator, type StreamOutlet } from './result-stream.ts'

/** The worker that serves. */
export interface ServingWorker {
  /** Count every invocation before it begins. */
  readonly meters: Meters
  readonly index: number
  /** How many workers the lease has on this node. */
  readonly count: number
}

/** Every function has the same shape, so that the machine code that reads them stays short. */
interface Served {
  /** Whether it is raw and wants no context: the fast way. */
  readonly isPlainRaw: boolean
  readonly isRaw: boolean
  readonly wantsContext: boolean
  /** Whether it is a generator function. */
  readonly streams: boolean
  readonly call: (...args: never[]) => unknown
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
  readonly #functions: readonly Served[]
  readonly #worker: ServingWorker
  readonly #meters: Meters
  readonly #received: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  readonly #ours: readonly Served[]
  readonly #spare: SpareRoom
  /** What could not be sent yet, in order: each function tries again, and returns whether it has sent it. */
  readonly #unsent: (() => boolean)[] = []
  /** Invocations that were received while the worker looked for cancels, in order. */
  readonly #ahead: Ahead[] = []
  /** The contexts of invocations that have begun and not ended, by slot. */
  readonly #running = new Map<number, { id: number; context: InvocationContext }>()
  /** The open streams, by their slots. */
  readonly #streams = new Map<number, ResultStream>()
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
    this.#outputs = new PayloadViews(connection.outbound, layout)
    this.#spare = new SpareRoom(connection, layout)
  }

  /** Whether every answer is on its way. */
  get allSent(): boolean {
    return this.#unsent.length === 0
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
  #serveOther(f: Served, slot: number, id: number, room: Uint8Array, bytes: number, leftMs: number): void {
    if (f.wantsContext) this.#serveWithContext(f, slot, id, room, bytes, leftMs)
    else if (f.streams) this.#serveStream(f.call, slot, id, room, bytes)
    else this.#serveCall(f.isRaw, f.call, slot, id, room, bytes)
  }

  #serveCall(isRaw: boolean, call: Served['call'], slot: number, id: number, room: Uint8Array, bytes: number): void {
    if (!isRaw) this.#serveTyped(call, slot, id, room, bytes)
    else if (bytes > this.#layout.payloadBytesMax) this.#serveLargeRaw(call as RawFunction, slot, id, room)
    else this.#serveRaw(call as RawFunction, slot, id, this.#inputs.first(slot, bytes))
  }

  /** Serves an invocation whose input is larger than a slot and lies in the spare room. */
  #serveLarge(f: Served, slot: number, id: number, bytes: number): void {
    const room = this.#largeInput(slot, id, bytes)
    if (room !== null) this.#serveOther(f, slot, id, room, bytes, Infinity)
  }

  /** The input in the spare room; null: there is none, and the invocation is refused. */
  #largeInput(slot: number, id: number, bytes: number): Uint8Array | null {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (bytes <= payloadBytesMax || bytes > payloadBytesLargest) {
      this.#refuse(slot, id, STATUS_MALFORMED, `the payload cannot have ${bytes} bytes`)
      return null
    }
    this.#spare.hasArrived = true
    try {
      return this.#spare.inbound(bytes)
    } catch (error) {
      this.#tellTaken()
      this.#refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return null
    }
  }

  /** The invocation is not served: its input, if it lies in the spare room, is not needed. */
  #dropLarge(bytes: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (bytes <= payloadBytesMax || bytes > payloadBytesLargest) return
    this.#spare.hasArrived = true
    this.#tellTaken()
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
      this.#tellTaken()
      this.#fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, true, result, output)
    else this.#returnLargeRaw(slot, id, result, output)
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
    const number = index & ~CANCELLABLE
    const f = this.#functions[number] ?? this.#ours[number - SHARE_FUNCTION_FIRST]
    const bytes = isCancellable ? allBytes - TIME_LEFT_BYTES : allBytes
    if (isCancelled || f === undefined) {
      this.#dropLarge(allBytes)
      if (isCancelled) this.#refuse(slot, id, STATUS_CANCELLED, 'the caller gave up before it began')
      else this.#refuse(slot, id, STATUS_UNKNOWN_FUNCTION, `the module has no function number ${number}`)
      return
    }
    const isLarge = bytes < 0 || allBytes > this.#layout.payloadBytesMax
    const room = isLarge ? this.#largeInput(slot, id, allBytes) : this.#inputs.whole(slot)
    if (room === null) return
    const leftMs = isCancellable ? readTimeLeft(room, bytes) : Infinity
    this.#serveOther(f, slot, id, room, bytes, leftMs)
  }

  /** Hears an immediate that brings no invocation. */
  #hear(immediate: number): void {
    if (immediate < CANCEL_MIN) {
      if (this.#spare.hear(immediate)) this.flush()
      // The stream may have ended meanwhile.
      else this.#streams.get(immediate - CLOSE_STREAM)?.close()
      return
    }
    const { slot, idEnd: end, reason } = readCancel(immediate)
    const waiting = this.#ahead.find((one) => one.slot === slot && idEnd(one.id) === end)
    if (waiting !== undefined) waiting.isCancelled = true
    const running = this.#running.get(slot)
    if (running !== undefined && idEnd(running.id) === end) running.context.cancel(reason)
  }

  #serveWithContext(f: Served, slot: number, id: number, room: Uint8Array, bytes: number, leftMs: number): void {
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
      result = call(input, this.#outputs.whole(slot))
      isPromised = typeof result !== 'number' && isThenable(result)
    } catch (thrown) {
      this.#fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, true, result)
    else this.#returnRaw(slot, id, result)
  }

  /** @param room where the input lies, from its first byte on */
  #serveTyped(call: (...args: never[]) => unknown, slot: number, id: number, room: Uint8Array, bytes: number): void {
    let args: unknown[]
    try {
      args = decodeArguments(room, bytes)
      if (bytes > this.#layout.payloadBytesMax) this.#tellTaken()
    } catch (error) {
      if (error instanceof FabricError) throw error
      if (bytes > this.#layout.payloadBytesMax) this.#tellTaken()
      this.#refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return
    }
    let result: unknown
    let isPromised: boolean
    try {
      result = call(...(args as never[]))
      isPromised = isThenable(result)
    } catch (thrown) {
      this.#fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, false, result)
    else this.#return(slot, id, result)
  }

  /** Begins a stream, or, without a payload, goes on with the one in the slot. */
  #serveStream(call: Served['call'], slot: number, id: number, room: Uint8Array, bytes: number): void {
    const open = this.#streams.get(slot)
    if (open !== undefined && bytes === 0) {
      this.#meters.countContinuation()
      return open.ask(id)
    }
    let args: unknown[]
    try {
      if (open !== undefined) throw new Error('a stream is open in its slot')
      args = decodeArguments(room, bytes)
    } catch (error) {
      this.#dropLarge(bytes)
      this.#refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return
    }
    this.#dropLarge(bytes)
    let generator: AnyGenerator
    try {
      generator = call(...(args as never[])) as AnyGenerator
    } catch (thrown) {
      // Such as what a default value throws: nothing else of a generator has run yet.
      this.#fail(slot, id, thrown)
      return
    }
    const stream = new ResultStream(generator, this.#outputs.whole(slot), this.#outletOf(slot))
    this.#streams.set(slot, stream)
    this.pending++
    stream.ask(id)
  }

  /** Runs the `finally` of all generators: their client has gone. */
  closeStreams(): void {
    for (const stream of this.#streams.values()) stream.close()
  }

  #outletOf(slot: number): StreamOutlet {
    return {
      items: (id, bytes) => this.#answerLater(() => this.#answer(slot, id, STATUS_OK, bytes)),
      threw: (id, thrown) => this.#answerLater(() => this.#fail(slot, id, thrown)),
      refused: (id, error) => this.#answerLater(() => this.#refuseResult(slot, id, error, 'an item of its result')),
      tooLarge: (id, bytes) => this.#answerLater(() => this.#refuseTooLargeItem(slot, id, bytes)),
      told: () => this.#streams.delete(slot),
      over: () => {
        this.pending--
        this.onSettled?.()
      },
    }
  }

  /** Sends an answer at a time when the client, and its slots, may be gone. */
  #answerLater(answer: () => void): void {
    if (this.#connection.state === 'open') {
      try {
        answer()
      } catch (error) {
        // The client has gone just now. The loop will notice it.
        if (!(error instanceof FabricError && error.code === 'lost')) throw error
      }
    }
    this.onSettled?.()
  }

  /** Tries again to send what the fabric had no room for. */
  flush(): void {
    while (this.#unsent.length > 0) {
      if (!this.#unsent[0]!()) return
      this.#unsent.shift()
    }
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
      if (output !== null && isThrown) this.#tellTaken()
      if (isThrown) this.#fail(slot, id, outcome)
      else if (output !== null) this.#returnLargeRaw(slot, id, outcome, output)
      else if (raw) this.#returnRaw(slot, id, outcome)
      else this.#return(slot, id, outcome)
    })
  }

  #return(slot: number, id: number, value: unknown): void {
    let bytes: number
    try {
      bytes = encodeValue(value, this.#outputs.whole(slot))
    } catch (error) {
      if (isGenerator(value)) {
        const advice = 'only `function*` and `async function*` stream; `yield*` it in such a function'
        this.#refuse(slot, id, STATUS_RESULT_REFUSED, `its result is a generator, and ${advice}`)
      } else this.#refuseResult(slot, id, error, 'its result')
      return
    }
    if (bytes > 0) this.#answer(slot, id, STATUS_OK, bytes)
    else this.#returnLarge(slot, id, value, -bytes - 1)
  }

  /** @param error what the encoding of the result has thrown */
  #refuseResult(slot: number, id: number, error: unknown, what: string = 'its result'): void {
    // A getter of the result that throws counts as a failure of the function.
    if (error instanceof NotCloneableError && Object.hasOwn(error, 'cause')) this.#fail(slot, id, error.cause)
    else this.#refuse(slot, id, STATUS_RESULT_REFUSED, `${what} cannot be sent: ${reasonOf(error)}`)
  }

  /**
   * Answers with a result that does not fit into its slot. It is encoded now, because its objects may change later: into
   * the spare room, or into other memory while the client has not taken an earlier result.
   */
  #returnLarge(slot: number, id: number, value: unknown, needed: number): void {
    if (needed > this.#layout.payloadBytesLargest) return this.#refuseTooLarge(slot, id, needed)
    const spare = this.#spare
    const isDirect = !spare.isTaken && this.#unsent.length === 0
    let room: Uint8Array
    let bytes: number
    try {
      room = isDirect ? spare.outbound(needed) : new Uint8Array(needed)
      bytes = encodeValue(value, room)
    } catch (error) {
      this.#refuseResult(slot, id, error)
      return
    }
    // Getters of the value may give more or less than the first time.
    if (bytes <= 0) this.#refuseTooLarge(slot, id, -bytes - 1)
    else if (!isDirect || bytes <= this.#layout.payloadBytesMax) this.#answerWith(slot, id, room.subarray(0, bytes))
    else {
      spare.isTaken = true
      this.#sendOrKeep(() => spare.send(slot, bytes, id, STATUS_OK))
    }
  }

  #returnLargeRaw(slot: number, id: number, bytes: unknown, output: Uint8Array): void {
    this.#tellTaken()
    if (typeof bytes !== 'number' || !(bytes >= 0) || (bytes | 0) !== bytes) this.#returnRaw(slot, id, bytes)
    else if (bytes > output.length) this.#refuseBeyondSlot(slot, id, bytes, 'its result', output.length)
    else this.#answerWith(slot, id, output.subarray(0, bytes))
  }

  /** Answers with a copy of these bytes, in the slot or in the spare room. */
  #answerWith(slot: number, id: number, payload: Uint8Array): void {
    const bytes = payload.length
    if (bytes <= this.#layout.payloadBytesMax) {
      this.#outputs.whole(slot).set(payload)
      this.#answer(slot, id, STATUS_OK, bytes)
      return
    }
    const spare = this.#spare
    let isPlaced = false
    this.#sendOrKeep(() => {
      if (!isPlaced) {
        if (spare.isTaken) return false
        spare.outbound(bytes).set(payload)
        spare.isTaken = isPlaced = true
      }
      return spare.send(slot, bytes, id, STATUS_OK)
    })
  }

  /** Tells the client that its large input is taken. */
  #tellTaken(): void {
    if (!this.#spare.hasArrived) return
    this.#spare.hasArrived = false
    this.#sendOrKeep(() => this.#spare.tellTaken())
  }

  #sendOrKeep(send: () => boolean): void {
    if (this.#unsent.length > 0 || !send()) this.#unsent.push(send)
  }

  #returnRaw(slot: number, id: number, bytes: unknown): void {
    // Written so that NaN, fractions and what is no number at all are refused too.
    if (typeof bytes === 'number' && bytes >= 0 && (bytes | 0) === bytes && bytes <= this.#layout.payloadBytesMax)
      this.#answer(slot, id, STATUS_OK, bytes)
    else if (typeof bytes === 'number' && bytes > this.#layout.payloadBytesMax)
      this.#refuseBeyondSlot(slot, id, bytes, 'its result', this.#layout.payloadBytesMax)
    else {
      const what = `a raw function returns how many bytes it wrote, not ${printed(bytes)}`
      this.#refuse(slot, id, STATUS_RESULT_REFUSED, what)
    }
  }

  #refuseTooLarge(slot: number, id: number, bytes: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (payloadBytesLargest === payloadBytesMax)
      return this.#refuseBeyondSlot(slot, id, bytes, 'its result', payloadBytesMax)
    const sentence = `its result has ${bytes} bytes, the memory of the lease has room for ${payloadBytesLargest}; raise \`memoryMib\``
    this.#refuse(slot, id, STATUS_RESULT_TOO_LARGE, sentence)
  }

  #refuseTooLargeItem(slot: number, id: number, bytes: number): void {
    this.#refuseBeyondSlot(slot, id, bytes, 'an item of its result', this.#layout.payloadBytesMax)
  }

  /** @param room for what does not grow: the result of a raw function, an item of a stream */
  #refuseBeyondSlot(slot: number, id: number, bytes: number, what: string, room: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    const allowed =
      payloadBytesLargest === payloadBytesMax
        ? `the lease's payloadBytesMax is ${payloadBytesMax}`
        : `there is room for ${room}; raise \`payloadBytesMax\``
    this.#refuse(slot, id, STATUS_RESULT_TOO_LARGE, `${what} has ${bytes} bytes, ${allowed}`)
  }

  /** Answers with what the function has thrown, which may be anything. */
  #fail(slot: number, id: number, thrown: unknown): void {
    this.#answer(slot, id, STATUS_FUNCTION_FAILED, encodeThrown(thrown, this.#outputs.whole(slot)))
  }

  /** Answers with a sentence of ours. */
  #refuse(slot: number, id: number, status: number, sentence: string): void {
    this.#answer(slot, id, status, encodeSentence(sentence, this.#outputs.whole(slot)))
  }

  #answer(slot: number, id: number, status: number, bytes: number): void {
    if (this.#unsent.length > 0 || !this.#write(slot, id, status, bytes)) this.#keep(slot, id, status, bytes)
  }

  /** A function of its own: a closure in {@link #answer} would cost every answer an allocation. */
  #keep(slot: number, id: number, status: number, bytes: number): void {
    this.#unsent.push(() => this.#write(slot, id, status, bytes))
  }

  #write(slot: number, id: number, status: number, bytes: number): boolean {
    return this.#connection.send(slot, bytes, id, status, bytes)
  }
}

function isGenerator(value: unknown): boolean {
  return types.isGeneratorObject(value) || Object.prototype.toString.call(value) === '[object AsyncGenerator]'
}

/** @throws what a getter `then` of the value throws */
function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false
  return typeof (value as { then?: unknown }).then === 'function'
}

function servedOf({ raw, wantsContext = false, streams = false, call }: LoadedFunction): Served {
  return { isPlainRaw: raw && !wantsContext, isRaw: raw, wantsContext, streams, call: call as Served['call'] }
}
