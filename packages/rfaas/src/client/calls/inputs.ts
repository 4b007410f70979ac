import { RfaasError } from '../../errors.ts'
import { isInstance } from '../../thrown.ts'
import type { Inputs } from '../types.ts'
import { rejectWithFrames } from './reject.ts'

/** Sends one invocation. */
export type Send = (args: unknown[]) => Promise<unknown>
type SendInput = (input: unknown) => Promise<unknown>

/** Receives what becomes of the inputs. */
interface Sink {
  /** The result of the input with this number, counted from 0. */
  result(value: unknown, index: number): void
  /** The inputs or an invocation have failed, for the first time; nothing more is sent. */
  failed(error: unknown): void
  /** Everything that was sent is over, and nothing more will be sent. */
  over(): void
}

/**
 * Takes inputs one by one and sends each, as long as there is a place: a place is taken by each input until
 * {@link release}. An async iterable is asked for one input at a time.
 */
class Pump {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>
  readonly #send: SendInput
  readonly #sink: Sink
  #places: number
  #index = 0
  #underWay = 0
  #isAsking = false
  /** No more inputs are taken. */
  #isDry = false
  #isFailed = false
  #isOver = false

  constructor(inputs: Inputs<unknown>, send: SendInput, places: number, sink: Sink) {
    this.#iterator = Symbol.asyncIterator in inputs ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]()
    this.#send = send
    this.#places = places
    this.#sink = sink
  }

  /** Takes inputs and sends them while there are places. */
  run(): void {
    while (this.#places > 0 && !this.#isDry && !this.#isAsking) {
      this.#places--
      try {
        const next = this.#iterator.next()
        if ('then' in next) return this.#await(next)
        this.#take(next)
      } catch (error) {
        this.#isDry = true
        this.#fail(error)
      }
    }
    this.#tellOver()
  }

  /** A result was taken: its place is free for another input. */
  release(): void {
    this.#places++
    this.run()
  }

  /** Takes no more inputs, and tells the iterator so. What is under way is left to itself. */
  stop(): unknown {
    if (this.#isDry) return undefined
    this.#isDry = true
    return this.#iterator.return?.()
  }

  #await(next: Promise<IteratorResult<unknown>>): void {
    this.#isAsking = true
    next.then(
      (taken) => {
        this.#isAsking = false
        if (!this.#isDry) this.#take(taken)
        this.run()
      },
      (error: unknown) => {
        this.#isAsking = false
        this.#isDry = true
        this.#fail(error)
        this.#tellOver()
      },
    )
  }

  #take(next: IteratorResult<unknown>): void {
    if (next.done === true) {
      this.#isDry = true
      return
    }
    const index = this.#index++
    this.#underWay++
    let sent: Promise<unknown>
    try {
      sent = this.#send(next.value)
    } catch (error) {
      sent = Promise.reject(error as Error)
    }
    sent.then(
      (value) => {
        this.#underWay--
        if (!this.#isFailed) this.#sink.result(value, index)
        this.#tellOver()
      },
      (error: unknown) => {
        this.#underWay--
        this.#fail(error)
        this.#tellOver()
      },
    )
  }

  #fail(error: unknown): void {
    if (this.#isFailed) return
    this.#isFailed = true
    this.#sink.failed(error)
    // The failure that is told is that of the invocation, not one of the iterator that is left.
    void Promise.resolve()
      .then(() => this.stop())
      .catch(() => {})
  }

  #tellOver(): void {
    if (this.#isOver || this.#underWay > 0 || this.#isAsking) return
    if (!this.#isDry && !this.#isFailed) return
    this.#isOver = true
    this.#sink.over()
  }
}

/**
 * Sends every input and resolves to all results. Rejects with the first failure once everything under way is over:
 * invocations in flight still write into their slots.
 *
 * @param places inputs under way at most
 */
export function mapInputs(
  inputs: Inputs<unknown>,
  send: SendInput,
  places: number,
  ordered: boolean,
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const results: unknown[] = []
    let failure: { error: unknown } | null = null
    const pump = new Pump(inputs, send, places, {
      result: (value, index) => {
        if (ordered) results[index] = value
        else results.push(value)
        pump.release()
      },
      failed: (error) => (failure = { error }),
      over: () => {
        if (failure === null) resolve(results)
        else if (isInstance(failure.error, RfaasError)) rejectWithFrames(resolve, failure.error)
        else reject(failure.error as Error)
      },
    })
    pump.run()
  })
}

/**
 * Sends inputs and yields their results. At most `places` are under way or lie ready. After a failure it yields what lies
 * ready, and throws the failure once everything under way is over.
 */
export async function* streamInputs(
  inputs: Inputs<unknown>,
  send: SendInput,
  places: number,
  ordered: boolean,
): AsyncGenerator<unknown, void, undefined> {
  /** Results that were not yielded yet, by their number; unordered ones are numbered as they arrive. */
  const ready = new Map<number, unknown>()
  let arrived = 0
  let failure: { error: unknown } | null = null
  let isOver = false
  let wake: () => void = () => {}
  const pump = new Pump(inputs, send, places, {
    result: (value, index) => {
      ready.set(ordered ? index : arrived++, value)
      wake()
    },
    failed: (error) => {
      failure = { error }
      wake()
    },
    over: () => {
      isOver = true
      wake()
    },
  })
  try {
    pump.run()
    for (let next = 0; ;) {
      if (ready.has(next)) {
        const value = ready.get(next)
        ready.delete(next++)
        pump.release()
        // By now the next inputs are on their way, while the program is busy with this result.
        yield value
      } else if (isOver) {
        if (failure !== null) throw (failure as { error: Error }).error
        return
      } else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    await pump.stop()
  }
}
