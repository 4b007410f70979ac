/** Lets those who wait for a node's sake know that there is something to hear; says nothing of what. */
export class Nudges {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Wakes up all who watch the node. */
  nudge(nodeId: string): void {
    for (const wake of this.#waiting.get(nodeId) ?? []) wake()
  }

  /** Yields once for all nudges since it last did; ends when `signal` aborts. */
  async *watch(nodeId: string, signal: AbortSignal): AsyncGenerator<void> {
    let isNudged = false
    let next = Promise.withResolvers<void>()
    const wake = (): void => {
      isNudged = true
      next.resolve()
    }
    const stop = (): void => next.resolve()
    const watching = this.#waiting.get(nodeId) ?? new Set()
    this.#waiting.set(nodeId, watching.add(wake))
    signal.addEventListener('abort', stop)
    try {
      while (!signal.aborted) {
        await next.promise
        next = Promise.withResolvers()
        if (isNudged && !signal.aborted) {
          isNudged = false
          yield
        }
      }
    } finally {
      signal.removeEventListener('abort', stop)
      watching.delete(wake)
      if (watching.size === 0) this.#waiting.delete(nodeId)
    }
  }
}
