import { FabricError, type Connection } from '@rfaas/fabric'

import type { RawFunction } from '../functions.ts'
import { decodeArguments, encodeValue, NotCloneableError } from '../protocol/codec.ts'
import { encodeSentence, encodeThrown } from '../protocol/failure-bytes.ts'
import {
  MESSAGE_FUNCTION,
  MESSAGE_ID,
  MESSAGE_PAYLOAD_BYTES,
  PayloadViews,
  type SlotLayout,
} from '../protocol/slots.ts'
import { SHARE_FUNCTION_FIRST } from '../protocol/share-functions.ts'
import { SpareRoom } from '../protocol/spare-room.ts'
import {
  STATUS_FUNCTION_FAILED,
  STATUS_MALFORMED,
  STATUS_OK,
  STATUS_RESULT_REFUSED,
  STATUS_RESULT_TOO_LARGE,
  STATUS_UNKNOWN_FUNCTION,
} from '../protocol/status.ts'
import { printed, reasonOf } from '../thrown.ts'
import type { LoadedFunction } from './load.ts'

/**
 * Serves the invocation in a slot: reads its words, calls the function on the payload in place, and answers. For a
 * synchronous raw function nothing is allocated and nothing copied. Whatever a function throws, returns or rejects with
 * is answered; only exceptions of the connection leave this class.
 */
export class InvocationServer {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #functions: LoadedFunction[]
  readonly #ours: readonly LoadedFunction[]
  readonly #received: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  readonly #spare: SpareRoom
  /** What could not be sent yet, in order: each function tries again, and returns whether it has sent it. */
  readonly #unsent: (() => boolean)[] = []
  /** Called for each immediate that is no invocation. */
  onNotice: (() => void) | null = null
  /** Called when an asynchronous function has answered. */
  onSettled: (() => void) | null = null
  /** Asynchronous functions that have not settled. */
  pending = 0

  /** @param ours typed functions of rfaas, numbered from SHARE_FUNCTION_FIRST */
  constructor(
    connection: Connection,
    layout: SlotLayout,
    functions: LoadedFunction[],
    ours: readonly LoadedFunction[] = [],
  ) {
    this.#ours = ours
    this.#connection = connection
    this.#layout = layout
    this.#functions = functions
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
   * Serves the invocation that the last immediate has brought. An immediate that names no slot belongs to the spare room,
   * or comes from a broken client and is ignored.
   */
  serve(slot: number): void {
    if (slot >= this.#layout.slots) return this.#hear(slot)
    const id = this.#received[MESSAGE_ID]!
    const index = this.#received[MESSAGE_FUNCTION]!
    const bytes = this.#received[MESSAGE_PAYLOAD_BYTES]!
    const f = this.#functions[index]
    if (f === undefined) {
      this.#serveOurs(slot, id, index, bytes)
      return
    }
    if (bytes < 0 || bytes > this.#layout.payloadBytesMax) {
      this.#serveLarge(f, slot, id, bytes)
      return
    }
    if (f.raw) this.#serveRaw(f.call, slot, id, this.#inputs.first(slot, bytes))
    else this.#serveTyped(f.call, slot, id, this.#inputs.whole(slot), bytes)
  }

  /** Serves an invocation of a function that is not the module's. */
  #serveOurs(slot: number, id: number, index: number, bytes: number): void {
    const f = this.#ours[index - SHARE_FUNCTION_FIRST]
    if (f === undefined || f.raw || bytes < 0 || bytes > this.#layout.payloadBytesMax)
      this.#refuse(slot, id, STATUS_UNKNOWN_FUNCTION, `the module has no function number ${index}`)
    else this.#serveTyped(f.call, slot, id, this.#inputs.whole(slot), bytes)
  }

  #hear(immediate: number): void {
    this.onNotice?.()
    if (this.#spare.hear(immediate)) this.flush()
  }

  /** Serves an invocation whose input is larger than a slot and lies in the spare room. */
  #serveLarge(f: LoadedFunction, slot: number, id: number, bytes: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (bytes <= payloadBytesMax || bytes > payloadBytesLargest) {
      this.#refuse(slot, id, STATUS_MALFORMED, `the payload cannot have ${bytes} bytes`)
      return
    }
    this.#spare.hasArrived = true
    let input: Uint8Array
    try {
      input = this.#spare.inbound(bytes)
    } catch (error) {
      this.#tellTaken()
      this.#refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return
    }
    if (f.raw) this.#serveLargeRaw(f.call, slot, id, input)
    else this.#serveTyped(f.call, slot, id, input, bytes)
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
  #serveTyped(call: (...args: unknown[]) => unknown, slot: number, id: number, room: Uint8Array, bytes: number): void {
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
      result = call(...args)
      isPromised = isThenable(result)
    } catch (thrown) {
      this.#fail(slot, id, thrown)
      return
    }
    if (isPromised) void this.#await(slot, id, false, result)
    else this.#return(slot, id, result)
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
    // When the client has gone meanwhile, its slots are gone too.
    if (this.#connection.state === 'open') {
      try {
        if (output !== null && isThrown) this.#tellTaken()
        if (isThrown) this.#fail(slot, id, outcome)
        else if (output !== null) this.#returnLargeRaw(slot, id, outcome, output)
        else if (raw) this.#returnRaw(slot, id, outcome)
        else this.#return(slot, id, outcome)
      } catch (error) {
        // The client has gone just now. The loop will notice it.
        if (!(error instanceof FabricError && error.code === 'lost')) throw error
      }
    }
    this.onSettled?.()
  }

  #return(slot: number, id: number, value: unknown): void {
    let bytes: number
    try {
      bytes = encodeValue(value, this.#outputs.whole(slot))
    } catch (error) {
      this.#refuseResult(slot, id, error)
      return
    }
    if (bytes > 0) this.#answer(slot, id, STATUS_OK, bytes)
    else this.#returnLarge(slot, id, value, -bytes - 1)
  }

  #refuseResult(slot: number, id: number, error: unknown): void {
    // A getter of the result that throws counts as a failure of the function.
    if (error instanceof NotCloneableError && Object.hasOwn(error, 'cause')) this.#fail(slot, id, error.cause)
    else this.#refuse(slot, id, STATUS_RESULT_REFUSED, `its result cannot be sent: ${reasonOf(error)}`)
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
    else if (bytes > output.length) this.#refuseTooLarge(slot, id, bytes, output.length)
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
      this.#refuseTooLarge(slot, id, bytes, this.#layout.payloadBytesMax)
    else {
      const what = `a raw function returns how many bytes it wrote, not ${printed(bytes)}`
      this.#refuse(slot, id, STATUS_RESULT_REFUSED, what)
    }
  }

  /** @param room what there was for it. Default: what the lease allows */
  #refuseTooLarge(slot: number, id: number, bytes: number, room: number = this.#layout.payloadBytesLargest): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    const allowed =
      payloadBytesLargest === payloadBytesMax
        ? `the lease's payloadBytesMax is ${payloadBytesMax}`
        : room === payloadBytesLargest
          ? `the memory of the lease has room for ${room}; raise \`memoryMib\``
          : `its output has ${room}; raise \`payloadBytesMax\``
    const sentence = `its result has ${bytes} bytes, ${allowed}`
    this.#refuse(slot, id, STATUS_RESULT_TOO_LARGE, sentence)
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

/** @throws what a getter `then` of the value throws */
function isThenable(value: unknown): boolean {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return false
  return typeof (value as { then?: unknown }).then === 'function'
}
