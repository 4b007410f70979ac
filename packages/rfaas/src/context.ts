/** What a function may know of its invocation, and how it is told that nobody waits for it any more. */
export interface Context {
  /**
   * Names the invocation among all of the lease on one node: the number of the worker and, after a hyphen, a number that
   * the worker uses once in four billion invocations. The lines of {@link log} begin with it.
   */
  readonly id: string
  /** Which worker of the lease runs it on this node, from 0. */
  readonly worker: number
  /** How many workers the lease has on this node. */
  readonly workers: number
  /**
   * When the caller's `timeoutMs` ends, in milliseconds since the epoch by the clock of this machine. undefined without
   * one, and for invocations in place (`lease.invoke`).
   */
  readonly deadline: number | undefined
  /**
   * Fires when the caller gives up: with an `AbortError` when its signal has fired, with a `TimeoutError` at the deadline
   * (both are `DOMException`). It can only fire while the function awaits something.
   */
  readonly signal: AbortSignal
  /** Prints as `console.log`, each line with the id in front. */
  log(...values: unknown[]): void
}

/** The context of a function that was called directly. */
export const DETACHED: Context = {
  id: 'direct',
  worker: 0,
  workers: 1,
  deadline: undefined,
  // Made when it is wanted, because it takes a millisecond when a program starts.
  get signal() {
    return new AbortController().signal
  },
  log: (...values) => console.log(...values),
}
