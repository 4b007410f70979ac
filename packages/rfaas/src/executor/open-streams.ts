import { streamClock } from '../clock.ts'
import { ItemSender, type ItemOutlet } from '../protocol/item-sender.ts'
import { STATUS_OK } from '../protocol/status.ts'
import type { Answers } from './answers.ts'

export type AnyGenerator = Generator<unknown, unknown, undefined> | AsyncGenerator<unknown, unknown, undefined>

/** The streams of generator functions that are not over, at most one in each slot. */
export class OpenStreams {
  readonly #answers: Answers
  readonly #answerLater: (answer: () => void) => void
  readonly #onTold: (slot: number) => void
  readonly #onOver: () => void
  readonly #streams = new Map<number, ItemSender>()

  /**
   * @param answerLater answers at a time when the client may be gone
   * @param onTold called before the last answer in a slot, which belongs to its client from then on
   * @param onOver called when a generator has come to its end
   */
  constructor(
    answers: Answers,
    answerLater: (answer: () => void) => void,
    onTold: (slot: number) => void,
    onOver: () => void,
  ) {
    this.#answers = answers
    this.#answerLater = answerLater
    this.#onTold = onTold
    this.#onOver = onOver
  }

  /** Whether the client still asks for items in this slot. */
  has(slot: number): boolean {
    return this.#streams.has(slot)
  }

  /** Begins a stream in a slot that has none, with the request of this id. */
  open(slot: number, id: number, generator: AnyGenerator): void {
    const isAsync = Symbol.asyncIterator in generator
    const stream = new ItemSender(generator, isAsync, this.#answers.room(slot), this.#outletOf(slot), streamClock)
    this.#streams.set(slot, stream)
    stream.ask(id)
  }

  /** Asks the stream of a slot for more. */
  ask(slot: number, id: number): void {
    this.#streams.get(slot)?.ask(id)
  }

  /** The client of a slot wants no more. Its stream may have ended meanwhile. */
  close(slot: number): void {
    this.#streams.get(slot)?.close()
  }

  /** Runs the `finally` of all generators: their client has gone. */
  closeAll(): void {
    for (const stream of this.#streams.values()) stream.close()
  }

  #outletOf(slot: number): ItemOutlet {
    const answers = this.#answers
    return {
      items: (id, bytes) => this.#answerLater(() => answers.answer(slot, id, STATUS_OK, bytes)),
      threw: (id, thrown) => this.#answerLater(() => answers.fail(slot, id, thrown)),
      refused: (id, error) => this.#answerLater(() => answers.refuseResult(slot, id, error, 'an item of its result')),
      tooLarge: (id, bytes) => this.#answerLater(() => answers.refuseTooLargeItem(slot, id, bytes)),
      // No item is larger than the slot.
      large: () => {},
      told: () => {
        this.#streams.delete(slot)
        this.#onTold(slot)
      },
      over: this.#onOver,
    }
  }
}
