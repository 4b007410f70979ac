import type { ItemQueue } from '../protocol/item-queue.ts'

type Result = IteratorResult<unknown, unknown>

/**
 * An argument that streams in, as its function sees it: in the place of the iterable that the caller has given. An
 * asynchronous generator, whatever the caller's was.
 */
export class ArgumentStream implements AsyncGenerator<unknown, unknown, undefined> {
  readonly #queue: ItemQueue
  readonly #leave: () => void

  /** @param leave tells the caller that nothing more is read; called once at most, and not after the end has come */
  constructor(queue: ItemQueue, leave: () => void) {
    this.#queue = queue
    this.#leave = leave
  }

  /** @throws what the caller's iterable has thrown; {RfaasError} `aborted`, `deadline_exceeded` when the caller gave up */
  next(): Promise<Result> {
    const next = this.#queue.next()
    // A function may leave one behind that it does not await, which must not end its worker.
    if (this.#queue.isAsked || this.#queue.isOver) next.catch(() => {})
    return next
  }

  /** Closes the caller's iterable, without waiting for it: nothing more is read. */
  async return(value?: unknown): Promise<Result> {
    this.#end()
    return { value: await value, done: true }
  }

  /** As {@link return}; rejects with the error, which the caller's iterable does not see. */
  async throw(error?: unknown): Promise<Result> {
    this.#end()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }

  /** @throws {TypeError} always: it says how to read instead */
  [Symbol.iterator](): never {
    throw new TypeError('An iterable arrives as an asynchronous one: read it with `for await`')
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncGenerator'
  }

  #end(): void {
    const wasOver = this.#queue.isOver
    this.#queue.leave()
    if (!wasOver) this.#leave()
  }
}
