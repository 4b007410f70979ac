import { FabricError, type Connection } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import { decodeArguments, encodeValue } from '../protocol/codec.ts'
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
  readonly #requests: Int32Array
  readonly #results: Int32Array
  readonly #inputs: PayloadViews
  readonly #outputs: PayloadViews
  readonly #slotWords: number
  #expected = 0
  /** Answers that the fabric had no room for yet: slot and bytes, in order. */
  readonly #unsent: number[] = []
  /** Called when an asynchronous function has answered. */
  onSettled: (() => void) | null = null
  /** Asynchronous functions under way. */
  pending = 0

  constructor(connection: Connection, layout: SlotLayout, functions: LoadedFunction[]) {
    this.#connection = connection
    this.#layout = layout
    this.#functions = functions
    this.#requests = new Int32Array(connection.inbound)
    this.#results = new Int32Array(connection.outbound)
    this.#inputs = new PayloadViews(connection.inbound, layout)
    this.#outputs = new PayloadViews(connection.outbound, layout)
    this.#slotWords = layout.slotBytes / 4
  }

  /**
   * Looks at the header of the slot that was served last. Most likely it is the next one too, and its cache line is
   * then on its way while the immediate's still is, instead of after it. Saves a twentieth of a hot round trip: 0.51
   * instead of 0.53 µs.
   */
  expect(): void {
    Atomics.load(this.#requests, this.#expected)
  }

  /** Whether every answer is on its way. */
  get allSent(): boolean {
    return this.#unsent.length === 0
  }

  /** Serves the invocation in a slot. Slots that do not exist are ignored: only a broken client names one. */
  serve(slot: number): void {
    if (slot >= this.#layout.slots) return
    const base = slot * this.#slotWords
    this.#expected = base
    // Every word is read once: the client could change it between a check and a use.
    const index = this.#requests[base + HEADER_FUNCTION]!
    const bytes = this.#requests[base + HEADER_PAYLOAD_BYTES]!
    this.#results[base + HEADER_ID_LOW] = this.#requests[base + HEADER_ID_LOW]!
    this.#results[base + HEADER_ID_HIGH] = this.#requests[base + HEADER_ID_HIGH]!
    const f = this.#functions[index]
    if (f === undefined) {
      this.#fail(slot, STATUS_UNKNOWN_FUNCTION, new Error(`the module has no function number ${index}`))
      return
    }
    if (bytes < 0 || bytes > this.#layout.payloadBytesMax) {
      this.#fail(slot, STATUS_MALFORMED, new Error(`the payload cannot have ${bytes} bytes`))
      return
    }
    try {
      const result = f.raw
        ? f.call(this.#inputs.first(slot, bytes), this.#outputs.whole(slot))
        : f.call(...decodeArguments(this.#inputs.first(slot, bytes)))
      if (f.raw && typeof result === 'number') this.#succeed(slot, result)
      else if (isThenable(result)) this.#await(slot, f.raw, result)
      else this.#return(slot, f.raw, result)
    } catch (error) {
      this.#fail(slot, STATUS_FUNCTION_FAILED, error)
    }
  }

  /** Tries again to send what the fabric had no room for. */
  flush(): void {
    while (this.#unsent.length > 0) {
      const [slot, bytes] = this.#unsent as [number, number]
      if (!this.#connection.write(slot * this.#layout.slotBytes, bytes, slot)) return
      this.#unsent.splice(0, 2)
    }
  }

  #await(slot: number, raw: boolean, promise: PromiseLike<unknown>): void {
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
      (value) => settle(() => this.#return(slot, raw, value)),
      (error: unknown) => settle(() => this.#fail(slot, STATUS_FUNCTION_FAILED, error)),
    )
  }

  #return(slot: number, raw: boolean, value: unknown): void {
    if (raw) {
      this.#succeed(slot, value as number)
      return
    }
    let bytes: number
    try {
      bytes = encodeValue(value, this.#outputs.whole(slot))
    } catch (error) {
      this.#fail(slot, STATUS_FUNCTION_FAILED, error)
      return
    }
    if (bytes > 0) this.#answer(slot, STATUS_OK, bytes)
    else this.#fail(slot, STATUS_RESULT_TOO_LARGE, tooLarge(-bytes - 1, this.#layout.payloadBytesMax))
  }

  #succeed(slot: number, bytes: number): void {
    // Written so that NaN, fractions and what is no number at all are refused too.
    if (bytes >= 0 && bytes <= this.#layout.payloadBytesMax && (bytes | 0) === bytes)
      this.#answer(slot, STATUS_OK, bytes)
    else if (bytes > this.#layout.payloadBytesMax) {
      this.#fail(slot, STATUS_RESULT_TOO_LARGE, tooLarge(bytes, this.#layout.payloadBytesMax))
    } else {
      const what = `a raw function returns how many bytes it wrote, not ${String(bytes)}`
      this.#fail(slot, STATUS_FUNCTION_FAILED, new TypeError(what))
    }
  }

  #fail(slot: number, status: number, error: unknown): void {
    this.#answer(slot, status, encodeFailure(error, this.#outputs.whole(slot)))
  }

  #answer(slot: number, status: number, bytes: number): void {
    const base = slot * this.#slotWords
    this.#results[base + HEADER_STATUS] = status
    this.#results[base + HEADER_PAYLOAD_BYTES] = bytes
    const total = HEADER_BYTES + bytes
    if (this.#unsent.length > 0 || !this.#connection.write(slot * this.#layout.slotBytes, total, slot)) {
      this.#unsent.push(slot, total)
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
}

function tooLarge(bytes: number, payloadBytesMax: number): RfaasError {
  const sentence = `Cannot return ${bytes} bytes: the lease's payloadBytesMax is ${payloadBytesMax}`
  return new RfaasError('result_too_large', sentence)
}
