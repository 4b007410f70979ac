import { types } from 'node:util'

import { FabricError, type Connection } from '@rfaas/fabric'

import type { RawFunction } from '../functions.ts'
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
import { ResultStream, type AnyGenerator, type StreamOutlet } from './result-stream.ts'

/**
 * Serves the invocation in a slot: reads its words, calls the function on the payload in place, and answers. For a
 * synchronous raw function nothing is allocated and nothing copied. Whatever a function throws, returns or rejects with
 * is answered; only exceptions of the connection leave this class.
 */
export class InvocationServer {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #functions: LoadedFunction[]
  readonly #received: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  /** Answers that the fabric had no room for yet, in order. */
  readonly #unsent: { slot: number; id: number; status: number; bytes: number }[] = []
  /** The open streams, by their slots. */
  readonly #streams = new Map<number, ResultStream>()
  /** Called when an asynchronous function has answered, or a stream. */
  onSettled: (() => void) | null = null
  /** Called for each message that is no invocation, but belongs to one. */
  onContinued: (() => void) | null = null
  /** Asynchronous functions that have not settled, and streams that are not over. */
  pending = 0

  constructor(connection: Connection, layout: SlotLayout, functions: LoadedFunction[]) {
    this.#connection = connection
    this.#layout = layout
    this.#functions = functions
    this.#received = connection.received
    this.#inputs = new PayloadViews(connection.inbound, layout)
    this.#outputs = new PayloadViews(connection.outbound, layout)
  }

  /** Whether every answer is on its way. */
  get allSent(): boolean {
    return this.#unsent.length === 0
  }

  /**
   * Serves the invocation that the last immediate has brought.
   */
  serve(slot: number): void {
    if (slot >= this.#layout.slots) return this.#hear(slot)
    const id = this.#received[MESSAGE_ID]!
    const index = this.#received[MESSAGE_FUNCTION]!
    const bytes = this.#received[MESSAGE_PAYLOAD_BYTES]!
    const f = this.#functions[index]
    if (f === undefined) {
      this.#refuse(slot, id, STATUS_UNKNOWN_FUNCTION, `the module has no function number ${index}`)
      return
    }
    if (bytes < 0 || bytes > this.#layout.payloadBytesMax) {
      this.#refuse(slot, id, STATUS_MALFORMED, `the payload cannot have ${bytes} bytes`)
      return
    }
    if (f.raw) this.#serveRaw(f.call, slot, id, this.#inputs.first(slot, bytes))
    else if (f.streams) this.#serveStream(f.call, slot, id, bytes)
    else this.#serveTyped(f.call, slot, id, bytes)
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

  #serveTyped(call: (...args: unknown[]) => unknown, slot: number, id: number, bytes: number): void {
    let args: unknown[]
    try {
      args = decodeArguments(this.#inputs.whole(slot), bytes)
    } catch (error) {
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

  /** Begins a stream, or, without a payload, goes on with the one in the slot. */
  #serveStream(call: (...args: unknown[]) => unknown, slot: number, id: number, bytes: number): void {
    const open = this.#streams.get(slot)
    if (open !== undefined && bytes === 0) {
      this.onContinued?.()
      return open.ask(id)
    }
    let args: unknown[]
    try {
      if (open !== undefined) throw new Error('a stream is open in its slot')
      args = decodeArguments(this.#inputs.whole(slot), bytes)
    } catch (error) {
      this.#refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return
    }
    let generator: AnyGenerator
    try {
      generator = call(...args) as AnyGenerator
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

  /** An immediate that is no slot ends the stream of one; this may have ended meanwhile. Only a broken client sends others. */
  #hear(immediate: number): void {
    this.onContinued?.()
    this.#streams.get(immediate - CLOSE_STREAM)?.close()
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
      tooLarge: (id, bytes) => this.#answerLater(() => this.#refuseTooLarge(slot, id, bytes, 'an item of its result')),
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
      const { slot, id, status, bytes } = this.#unsent[0]!
      if (!this.#write(slot, id, status, bytes)) return
      this.#unsent.shift()
    }
  }

  /**
   * Answers when the promise settles. `await` uses the first outcome of a thenable that settles twice, and also catches
   * what its `then` throws.
   */
  async #await(slot: number, id: number, raw: boolean, promise: unknown): Promise<void> {
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
    this.#answerLater(() => {
      if (isThrown) this.#fail(slot, id, outcome)
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
    else this.#refuseTooLarge(slot, id, -bytes - 1)
  }

  #returnRaw(slot: number, id: number, bytes: unknown): void {
    // Written so that NaN, fractions and what is no number at all are refused too.
    if (typeof bytes === 'number' && bytes >= 0 && (bytes | 0) === bytes && bytes <= this.#layout.payloadBytesMax)
      this.#answer(slot, id, STATUS_OK, bytes)
    else if (typeof bytes === 'number' && bytes > this.#layout.payloadBytesMax) this.#refuseTooLarge(slot, id, bytes)
    else {
      const what = `a raw function returns how many bytes it wrote, not ${printed(bytes)}`
      this.#refuse(slot, id, STATUS_RESULT_REFUSED, what)
    }
  }

  /** @param error what the encoding of the result has thrown */
  #refuseResult(slot: number, id: number, error: unknown, what: string): void {
    // A getter of the result that throws counts as a failure of the function.
    if (error instanceof NotCloneableError && Object.hasOwn(error, 'cause')) this.#fail(slot, id, error.cause)
    else this.#refuse(slot, id, STATUS_RESULT_REFUSED, `${what} cannot be sent: ${reasonOf(error)}`)
  }

  #refuseTooLarge(slot: number, id: number, bytes: number, what = 'its result'): void {
    const sentence = `${what} has ${bytes} bytes, the lease's payloadBytesMax is ${this.#layout.payloadBytesMax}`
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
    if (this.#unsent.length > 0 || !this.#write(slot, id, status, bytes)) {
      this.#unsent.push({ slot, id, status, bytes })
    }
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
