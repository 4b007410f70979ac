/** Time as the managers see it; tests pass their own. */
export interface Clock {
  /** Compared with the expiry of leases, which the resource manager set. */
  nowUnixMs(): number
  /** Never steps; durations are measured with it. The system's is the same in all threads of a process. */
  nowMonotonicMs(): number
  /**
   * Calls `f` once after `delayMs`. Gives what calls it off.
   *
   * @param keepsAlive whether the process stays for it; else it may end before
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
