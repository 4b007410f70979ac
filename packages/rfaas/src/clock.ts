/** Time as the managers see it; tests pass their own. */
export interface Clock {
  /** Compared with the expiry of leases, which the resource manager set. */
  nowUnixMs(): number
  /** Never steps; durations are measured with it. */
  nowMonotonicMs(): number
  /** Calls `f` once after `delayMs`, and never keeps the process alive for it. Gives what calls it off. */
  after(delayMs: number, f: () => void): () => void
}

export const systemClock: Clock = {
  nowUnixMs: () => Date.now(),
  nowMonotonicMs: () => performance.now(),
  after: (delayMs, f) => {
    const timer = setTimeout(f, delayMs).unref()
    return () => clearTimeout(timer)
  },
}
