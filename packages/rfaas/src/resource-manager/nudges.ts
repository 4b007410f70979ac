/**
 * Wakes the nodes' `WatchNode` streams. A nudge carries no content: the node fetches the news with its next heartbeat.
 */
export class Nudges {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Wakes all streams that watch the node. */
  nudge(nodeId: string): void {
    for (const wake of this.#waiting.get(nodeId) ?? []) wake()
  }

  /** Yields once for all nudges since the last yield; ends when `signal` aborts. */
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
