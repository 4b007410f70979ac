/** Messages that have arrived over a stream and wait to be read. */
export class Inbox {
  readonly #items: unknown[] = []
  #wake = Promise.withResolvers<void>()
  #isEnded = false
  #error: Error | null = null

  put(item: unknown): void {
    this.#items.push(item)
    this.#wake.resolve()
  }

  end(): void {
    this.#isEnded = true
    this.#wake.resolve()
  }

  /** Marks the stream as broken; earlier messages can still be read. */
  fail(error: Error): void {
    if (this.#isEnded) return
    this.#error ??= error
    this.#wake.resolve()
  }

  async *items(): AsyncGenerator<unknown> {
    for (;;) {
      if (this.#items.length > 0) yield this.#items.shift()
      else if (this.#error !== null) throw this.#error
      else if (this.#isEnded) return
      else {
        await this.#wake.promise
        this.#wake = Promise.withResolvers()
      }
    }
  }
}
