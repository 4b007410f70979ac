type Result = IteratorResult<unknown, unknown>
export type Settle = (result: Result | Promise<never>) => void

/** How a stream has ended. */
export type StreamEnd = { error: unknown } | { returned: unknown }

const NOTHING: StreamEnd = { returned: undefined }

/**
 * The reading end of a stream: items that have come and are not read yet. Asks for the next ones when half of these are read,
 * and for the first ones when the first is read.
 */
export class ItemQueue {
  readonly #ask: () => void
  readonly #reject: (settle: Settle, error: unknown) => void
  /** Items that have come, and how many of them were read; the next ones are asked for at `#askAt`. */
  #items: unknown[] = []
  #read = 0
  #askAt = 0
  /** Whether items are on their way, so that none may be asked for. */
  #isAsked = false
  /** Who waits for an item, in order. */
  readonly #waiting: Settle[] = []
  #end: StreamEnd | null = null
  /** Whether the end is told already, or not to be told. */
  #hasTold = false

  /**
   * @param ask asks for the next items; {@link take} or {@link finish} follows
   * @param reject rejects the promise of a `next`
   */
  constructor(ask: () => void, reject: (settle: Settle, error: unknown) => void) {
    this.#ask = ask
    this.#reject = reject
  }

  /** Whether nothing more comes, though there may be items left to read. */
  get isOver(): boolean {
    return this.#end !== null
  }

  /** Whether items were asked for and have not come. */
  get isAsked(): boolean {
    return this.#isAsked
  }

  /** The next item, or the end, which is told once: after it the stream is done, as a generator is. */
  next(): Promise<Result> {
    if (this.#read < this.#items.length) {
      const value = this.#items[this.#read++]
      if (this.#read >= this.#askAt) this.#askMore()
      return Promise.resolve({ value, done: false })
    }
    return new Promise((resolve) => {
      if (this.#end !== null) return this.#settleEnd(resolve, this.#end)
      this.#waiting.push(resolve)
      this.#askMore()
    })
  }

  /** Items have come, which were asked for. */
  take(values: unknown[]): void {
    this.#isAsked = false
    const given = Math.min(this.#waiting.length, values.length)
    for (let i = 0; i < given; i++) this.#waiting[i]!({ value: values[i], done: false })
    this.#waiting.splice(0, given)
    // Those that are left of the last ones are fewer than half of them.
    this.#items = this.#items.slice(this.#read).concat(given === 0 ? values : values.slice(given))
    this.#read = 0
    this.#askAt = Math.ceil(this.#items.length / 2)
  }

  /** After {@link take}, when more follows: asks for it at once if nothing is left to read. */
  goOn(): void {
    if (this.#items.length === 0) this.#askMore()
  }

  /** Nothing more comes. What has come can still be read. Idempotent: the first end is kept. */
  finish(end: StreamEnd): void {
    if (this.#end !== null) return
    this.#end = end
    for (const settle of this.#waiting.splice(0)) this.#settleEnd(settle, end)
  }

  /** What has come is not read any more. */
  drop(): void {
    this.#items = []
    this.#read = 0
  }

  /** The reader leaves: nothing is read any more, also not how the stream has ended. */
  leave(): void {
    this.drop()
    this.finish(NOTHING)
    this.#hasTold = true
  }

  #askMore(): void {
    if (this.#isAsked || this.#end !== null) return
    this.#isAsked = true
    this.#ask()
  }

  #settleEnd(settle: Settle, end: StreamEnd): void {
    const told = this.#hasTold ? NOTHING : end
    this.#hasTold = true
    if ('error' in told) this.#reject(settle, told.error)
    else settle({ value: told.returned, done: true })
  }
}
