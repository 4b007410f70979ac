import type { Answers } from './answers.ts'
import { ResultStream, type AnyGenerator, type StreamOutlet } from './result-stream.ts'
import { STATUS_OK } from '../protocol/status.ts'

/** The streams of generator functions that are not over, at most one in each slot. */
export class OpenStreams {
  readonly #answers: Answers
  readonly #answerLater: (answer: () => void) => void
  readonly #onOver: () => void
  readonly #streams = new Map<number, ResultStream>()

  /**
   * @param answerLater answers at a time when the client may be gone
   * @param onOver called when a generator has come to its end
   */
  constructor(answers: Answers, answerLater: (answer: () => void) => void, onOver: () => void) {
    this.#answers = answers
    this.#answerLater = answerLater
    this.#onOver = onOver
  }

  /** Whether the client still asks for items in this slot. */
  has(slot: number): boolean {
    return this.#streams.has(slot)
  }

  /** Begins a stream in a slot that has none, with the request of this id. */
  open(slot: number, id: number, generator: AnyGenerator): void {
    const stream = new ResultStream(generator, this.#answers.room(slot), this.#outletOf(slot))
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

  #outletOf(slot: number): StreamOutlet {
    const answers = this.#answers
    return {
      items: (id, bytes) => this.#answerLater(() => answers.answer(slot, id, STATUS_OK, bytes)),
      threw: (id, thrown) => this.#answerLater(() => answers.fail(slot, id, thrown)),
      refused: (id, error) => this.#answerLater(() => answers.refuseResult(slot, id, error, 'an item of its result')),
      tooLarge: (id, bytes) => this.#answerLater(() => answers.refuseTooLargeItem(slot, id, bytes)),
      told: () => this.#streams.delete(slot),
      over: this.#onOver,
    }
  }
}
