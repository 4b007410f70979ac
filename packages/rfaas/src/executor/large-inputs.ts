import { reasonOf } from '../thrown.ts'
import type { SlotLayout } from '../protocol/slots.ts'
import type { SpareRoom } from '../protocol/spare-room.ts'
import { STATUS_MALFORMED } from '../protocol/status.ts'
import type { Answers } from './answers.ts'

/** The inputs that are larger than a slot and lie in the spare room. */
export class LargeInputs {
  readonly #layout: SlotLayout
  readonly #spare: SpareRoom
  readonly #answers: Answers

  constructor(layout: SlotLayout, spare: SpareRoom, answers: Answers) {
    this.#layout = layout
    this.#spare = spare
    this.#answers = answers
  }

  /** The input in the spare room; null: there is none, and the invocation is refused. */
  read(slot: number, id: number, bytes: number): Uint8Array | null {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (bytes <= payloadBytesMax || bytes > payloadBytesLargest) {
      this.#answers.refuse(slot, id, STATUS_MALFORMED, `the payload cannot have ${bytes} bytes`)
      return null
    }
    this.#spare.hasArrived = true
    try {
      return this.#spare.inbound(bytes)
    } catch (error) {
      this.#answers.tellTaken()
      this.#answers.refuse(slot, id, STATUS_MALFORMED, reasonOf(error))
      return null
    }
  }

  /** The invocation is not served: its input, if it lies in the spare room, is not needed. */
  drop(bytes: number): void {
    const { payloadBytesMax, payloadBytesLargest } = this.#layout
    if (bytes <= payloadBytesMax || bytes > payloadBytesLargest) return
    this.#spare.hasArrived = true
    this.#answers.tellTaken()
  }
}
