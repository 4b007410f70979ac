import { FabricError, type Connection } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import { decodeArguments, encodeValue } from '../protocol/codec.ts'
import {
  HEADER_BYTES,
  HEADER_FUNCTION,
  HEADER_ID,
  HEADER_PAYLOAD_BYTES,
  HEADER_STATUS,
  PayloadViews,
  type SlotLayout,
} from '../protocol/slots.ts'
import {
  encodeFailure,
  STATUS_FUNCTION_FAILED,
  STATUS_MALFORMED,
  STATUS_OK,
  STATUS_RESULT_TOO_LARGE,
  STATUS_UNKNOWN_FUNCTION,
} from '../protocol/status.ts'
import type { LoadedFunction } from './load.ts'

/**
 * From a slot's number to its result: reads the header, calls the function on the payload in place, answers. For a
 * synchronous raw function nothing is allocated and nothing copied.
 */
export class InvocationServer {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #functions: LoadedFunction[]
  readonly #headersIn: Int32Array
  readonly #headersOut: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  /** Answers that the fabric had no room for yet, in order. */
  readonly #unsent: { slot: number; id: number; status: number; bytes: number }[] = []
  /** Called when an asynchronous function has answered. */
  onSettled: (() => void) | null = null
  /** Asynchronous functions under way. */
  pending = 0

  constructor(connection: Connection, layout: SlotLayout, functions: LoadedFunction[]) {
    this.#connection = connection
    this.#layout = layout
    this.#functions = functions
    this.#headersIn = connection.headersIn
    this.#headersOut = connection.headersOut
    this.#inputs = new PayloadViews(connection.inbound, layout)
    this.#outputs = new PayloadViews(connection.outbound, layout)
  }

  /** Whether every answer is on its way. */
  get allSent(): boolean {
    return this.#unsent.length === 0
  }

  /** Serves the invocation that the last immediate has brought. Slots that do not exist are ignored: only a broken client names one. */
  serve(slot: number): void {
    if (slot >= this.#layout.slots) return
    // Every word is read once: the client could change it between a check and a use.
    const header = this.#connection.headerIn(slot * this.#layout.slotBytes)
    const id = this.#headersIn[header + HEADER_ID]!
    const index = this.#headersIn[header + HEADER_FUNCTION]!
    const bytes = this.#headersIn[header + HEADER_PAYLOAD_BYTES]!
    const f = this.#functions[index]
    if (f === undefined) {
      this.#fail(slot, id, STATUS_UNKNOWN_FUNCTION, new Error(`the module has no function number ${index}`))
      return
    }
    if (bytes < 0 || bytes > this.#layout.payloadBytesMax) {
      this.#fail(slot, id, STATUS_MALFORMED, new Error(`the payload cannot have ${bytes} bytes`))
      return
    }
    try {
      const result = f.raw
        ? f.call(this.#inputs.first(slot, bytes), this.#outputs.whole(slot))
        : f.call(...decodeArguments(this.#inputs.first(slot, bytes)))
      if (f.raw && typeof result === 'number') this.#succeed(slot, id, result)
      else if (isThenable(result)) this.#await(slot, id, f.raw, result)
      else this.#return(slot, id, f.raw, result)
    } catch (error) {
      this.#fail(slot, id, STATUS_FUNCTION_FAILED, error)
    }
  }

  /** Tries again to send what the fabric had no room for. */
  flush(): void {
    while (this.#unsent.length > 0) {
      const { slot, id, status, bytes } = this.#unsent[0]!
      if (!this.#write(slot, id, status, bytes)) return
      this.#unsent.shift()
    }
  }

  #await(slot: number, id: number, raw: boolean, promise: PromiseLike<unknown>): void {
    this.pending++
    const settle = (answer: () => void): void => {
      this.pending--
      try {
        // The client may be gone by now, and its slots with it…
        if (this.#connection.state === 'open') answer()
      } catch (error) {
        // …or go just now. To notice that is for the loop.
        if (!(error instanceof FabricError && error.code === 'lost')) throw error
      }
      this.onSettled?.()
    }
    promise.then(
      (value) => settle(() => this.#return(slot, id, raw, value)),
      (error: unknown) => settle(() => this.#fail(slot, id, STATUS_FUNCTION_FAILED, error)),
    )
  }

  #return(slot: number, id: number, raw: boolean, value: unknown): void {
    if (raw) {
      this.#succeed(slot, id, value as number)
      return
    }
    let bytes: number
    try {
      bytes = encodeValue(value, this.#outputs.whole(slot))
    } catch (error) {
      this.#fail(slot, id, STATUS_FUNCTION_FAILED, error)
      return
    }
    if (bytes > 0) this.#answer(slot, id, STATUS_OK, bytes)
    else this.#fail(slot, id, STATUS_RESULT_TOO_LARGE, tooLarge(-bytes - 1, this.#layout.payloadBytesMax))
  }

  #succeed(slot: number, id: number, bytes: number): void {
    // Written so that NaN, fractions and what is no number at all are refused too.
    if (bytes >= 0 && bytes <= this.#layout.payloadBytesMax && (bytes | 0) === bytes)
      this.#answer(slot, id, STATUS_OK, bytes)
    else if (bytes > this.#layout.payloadBytesMax) {
      this.#fail(slot, id, STATUS_RESULT_TOO_LARGE, tooLarge(bytes, this.#layout.payloadBytesMax))
    } else {
      const what = `a raw function returns how many bytes it wrote, not ${String(bytes)}`
      this.#fail(slot, id, STATUS_FUNCTION_FAILED, new TypeError(what))
    }
  }

  #fail(slot: number, id: number, status: number, error: unknown): void {
    this.#answer(slot, id, status, encodeFailure(error, this.#outputs.whole(slot)))
  }

  #answer(slot: number, id: number, status: number, bytes: number): void {
    if (this.#unsent.length > 0 || !this.#write(slot, id, status, bytes)) {
      this.#unsent.push({ slot, id, status, bytes })
    }
  }

  #write(slot: number, id: number, status: number, bytes: number): boolean {
    const offset = slot * this.#layout.slotBytes
    const header = this.#connection.headerOut(offset)
    this.#headersOut[header + HEADER_ID] = id
    this.#headersOut[header + HEADER_STATUS] = status
    this.#headersOut[header + HEADER_PAYLOAD_BYTES] = bytes
    return this.#connection.write(offset, HEADER_BYTES + bytes, slot)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
}

function tooLarge(bytes: number, payloadBytesMax: number): RfaasError {
  const sentence = `Cannot return ${bytes} bytes: the lease's payloadBytesMax is ${payloadBytesMax}`
  return new RfaasError('result_too_large', sentence)
}
