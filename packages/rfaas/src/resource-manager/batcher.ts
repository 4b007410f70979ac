interface Waiting<A, R> {
  readonly asked: A
  readonly answer: PromiseWithResolvers<R>
}

/**
 * Collects requests while earlier ones are served, and serves them together: requests that would contend for the same
 * records need one commit, and none has to be repeated because of another. The first one does not wait.
 */
export class Batcher<A, R> {
  readonly #serve: (batch: readonly A[]) => Promise<PromiseSettledResult<R>[]>
  readonly #sizeMax: number
  readonly #waiting: Waiting<A, R>[] = []
  #isServing = false

  /** @param serve gives one result for each request, in their order; what it throws is thrown to all of them */
  constructor(sizeMax: number, serve: (batch: readonly A[]) => Promise<PromiseSettledResult<R>[]>) {
    this.#sizeMax = sizeMax
    this.#serve = serve
  }

  add(asked: A): Promise<R> {
    const answer = Promise.withResolvers<R>()
    this.#waiting.push({ asked, answer })
    if (!this.#isServing) void this.#serveAll()
    return answer.promise
  }

  async #serveAll(): Promise<void> {
    this.#isServing = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#sizeMax)
      try {
        const results = await this.#serve(batch.map(({ asked }) => asked))
        for (const [i, result] of results.entries()) {
          if (result.status === 'fulfilled') batch[i]!.answer.resolve(result.value)
          else batch[i]!.answer.reject(result.reason)
        }
      } catch (error) {
        for (const { answer } of batch) answer.reject(error)
      }
    }
    this.#isServing = false
  }
}
