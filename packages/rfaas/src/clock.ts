/** Time as the managers see it; tests pass their own. */
export interface Clock {
  /** Wall-clock time, compared with the expiry of leases, which the resource manager set. */
  nowUnixMs(): number
  /** Never steps; durations are measured with it. The system's clock is the same in all threads of a process. */
  nowMonotonicMs(): number
  /**
   * Calls `f` once after `delayMs`.
   *
   * @param keepsAlive whether the pending call keeps the process alive
   * @returns a function that cancels the call
   */
  after(delayMs: number, f: () => void, keepsAlive?: boolean): () => void
}

export const systemClock: Clock = {
  nowUnixMs: () => Date.now(),
  // Not performance.now(), which begins at 0 in every thread.
  nowMonotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  after: (delayMs, f, keepsAlive = false) => {
    const timer = setTimeout(f, delayMs)
    if (!keepsAlive) timer.unref()
    return () => clearTimeout(timer)
  },
}
