import { types } from 'node:util'

import { FabricError, type Connection } from '@rfaas/fabric'

import { encodeValue, NotCloneableError } from '../protocol/codec.ts'
import { encodeSentence, encodeThrown } from '../protocol/failure-bytes.ts'
import { PayloadViews, type SlotLayout } from '../protocol/slots.ts'
import type { SpareRoom } from '../protocol/spare-room.ts'
import {
  STATUS_FUNCTION_FAILED,
  STATUS_OK,
  STATUS_RESULT_REFUSED,
  STATUS_RESULT_TOO_LARGE,
} from '../protocol/status.ts'
import { printed, reasonOf } from '../thrown.ts'

/**
 * Answers invocations: writes the result of each, or why there is none, into its slot or the spare room, and keeps in order
 * what the fabric has no room for. Whatever a function throws or returns is answered; it throws only what the connection
 * throws.
 */
export class Answers {
  readonly #connection: Connection
  readonly #layout: SlotLayout
  readonly #outputs: PayloadViews
  readonly #spare: SpareRoom
  /** What could not be sent yet, in order: each function tries again, and returns whether it has sent it. */
  readonly #unsent: (() => boolean)[] = []

  constructor(connection: Connection, layout: SlotLayout, spare: SpareRoom) {
    this.#connection = connection
    this.#layout = layout
    this.#outputs = new PayloadViews(connection.outbound, layout)
    this.#spare = spare
  }

  /** Whether every answer is on its way. */
  get areAllSent(): boolean {
    return this.#unsent.length === 0
  }

  /** Tries again to send what the fabric had no room for. */
  flush(): void {
    while (this.#unsent.length > 0) {
      if (!this.#unsent[0]!()) return
      this.#unsent.shift()
    }
  }

  /** Where the result of a slot is written, in full length. */
  room(slot: number): Uint8Array {
    return this.#outputs.whole(slot)
  }

  /** Answers with what lies in the room of the slot. */
  answer(slot: number, id: number, status: number, bytes: number): void {
    if (this.#unsent.length > 0 || !this.#write(slot, id, status, bytes)) this.#keep(slot, id, status, bytes)
  }

  /** A function of its own: a closure in {@link answer} would cost every answer an allocation. */
  #keep(slot: number, id: number, status: number, bytes: number): void {
    this.#unsent.push(() => this.#write(slot, id, status, bytes))
  }

  #write(slot: number, id: number, status: number, bytes: number): boolean {
    return this.#connection.send(slot, bytes, id, status, bytes)
  }

  /** Answers with what the function has thrown, which may be anything. */
  fail(slot: number, id: number, thrown: unknown): void {
    this.answer(slot, id, STATUS_FUNCTION_FAILED, encodeThrown(thrown, this.#outputs.whole(slot)))
  }

  /** Answers with a sentence of ours. */
  refuse(slot: number, id: number, status: number, sentence: string): void {
    this.answer(slot, id, status, encodeSentence(sentence, this.#outputs.whole(slot)))
  }

  /** Sends an answer at a time when the client, and its slots, may be gone. */
  answerIfOpen(answer: () => void): void {
    if (this.#connection.state !== 'open') return
    try {
      answer()
    } catch (error) {
      // The client has gone just now. The loop will notice it.
      if (!(error instanceof FabricError && error.code === 'lost')) throw error
    }
  }

  /** Answers with what a raw function has returned: how many bytes it wrote into its room. */
  returnRaw(slot: number, id: number, bytes: unknown): void {
    // Written so that NaN, fractions and what is no number at all are refused too.
    if (typeof bytes === 'number' && bytes >= 0 && (bytes | 0) === bytes && bytes <= this.#layout.payloadBytesMax)
      this.answer(slot, id, STATUS_OK, bytes)
    else if (typeof bytes === 'number' && bytes > this.#layout.payloadBytesMax)
      this.#refuseBeyondSlot(slot, id, bytes, 'its result', this.#layout.payloadBytesMax)
    else {
      const what = `a raw function returns how many bytes it wrote, not ${printed(bytes)}`
      this.refuse(slot, id, STATUS_RESULT_REFUSED, what)
    }
  }

  /** Answers with what a typed function has returned. */
  returnValue(slot: number, id: number, value: unknown): void {
    let bytes: number
    try {
      bytes = encodeValue(value, this.#outputs.whole(slot))
    } catch (error) {
      if (isGenerator(value)) {
        const advice = 'only `function*` and `async function*` stream; `yield*` it in such a function'
        this.refuse(slot, id, STATUS_RESULT_REFUSED, `its result is a generator, and ${advice}`)
      } else this.refuseResult(slot, id, error, 'its result')
      return
    }
    if (bytes > 0) this.answer(slot, id, STATUS_OK, bytes)
    else this.#returnLarge(slot, id, value, -bytes - 1)
  }

  /** @param error what the encoding of the result has thrown */
  refuseResult(slot: number, id: number, error: unknown, what: string = 'its result'): void {
    // A getter of the result that throws counts as a failure of the function.
    if (error instanceof NotCloneableError && Object.hasOwn(error, 'cause')) this.fail(slot, id, error.cause)
    else this.refuse(slot, id, STATUS_RESULT_REFUSED, `${what} cannot be sent: ${reasonOf(error)}`)
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
      this.refuseResult(slot, id, error)
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

  /** As {@link returnRaw}, for a function whose input lies in the spare room, and whose room was `output`. */
  returnLargeRaw(slot: number, id: number, bytes: unknown, output: Uint8Array): void {
    this.tellTaken()
    if (typeof bytes !== 'number' || !(bytes >= 0) || (bytes | 0) !== bytes) this.returnRaw(slot, id, bytes)
    else if (bytes > output.length) this.#refuseBeyondSlot(slot, id, bytes, 'its result', output.length)
    else this.#answerWith(slot, id, output.subarray(0, bytes))
  }

  /** Answers with a copy of these bytes, in the slot or in the spare room. */
  #answerWith(slot: number, id: number, payload: Uint8Array): void {
    const bytes = payload.length
    if (bytes <= this.#layout.payloadBytesMax) {
      this.#outputs.whole(slot).set(payload)
      this.answer(slot, id, STATUS_OK, bytes)
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

  #sendOrKeep(send: () => boolean): void {
    if (this.#unsent.length > 0 || !send()) this.#unsent.push(send)
  }

  /** Tells the client that its large input is taken. */
  tellTaken(): void {
    if (!this.#spare.hasArrived) return
    this.#spare.hasArrived = false
    this.#sendOrKeep(() => this.#spare.tellTaken())
  }

  /** Sends an immediate without words, after the answers before it. */
  notify(immediate: number): void {
    this.#sendOrKeep(() => this.#connection.write(0, 0, immediate))
  }

  #refuseTooLarge(slot: number, id: number, bytes: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (payloadBytesLargest === payloadBytesMax)
      return this.#refuseBeyondSlot(slot, id, bytes, 'its result', payloadBytesMax)
    const sentence = `its result has ${bytes} bytes, the memory of the lease has room for ${payloadBytesLargest}; raise \`memoryMib\``
    this.refuse(slot, id, STATUS_RESULT_TOO_LARGE, sentence)
  }

  refuseTooLargeItem(slot: number, id: number, bytes: number): void {
    this.#refuseBeyondSlot(slot, id, bytes, 'an item of its result', this.#layout.payloadBytesMax)
  }

  /** @param room for what does not grow: the result of a raw function, an item of a stream */
  #refuseBeyondSlot(slot: number, id: number, bytes: number, what: string, room: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    const allowed =
      payloadBytesLargest === payloadBytesMax
        ? `the lease's payloadBytesMax is ${payloadBytesMax}`
        : `there is room for ${room}; raise \`payloadBytesMax\``
    this.refuse(slot, id, STATUS_RESULT_TOO_LARGE, `${what} has ${bytes} bytes, ${allowed}`)
  }
}

function isGenerator(value: unknown): boolean {
  return types.isGeneratorObject(value) || Object.prototype.toString.call(value) === '[object AsyncGenerator]'
}
