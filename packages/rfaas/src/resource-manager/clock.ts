/** Time as the resource manager sees it; tests pass their own. */
export interface Clock {
  /** What expiries and heartbeats are measured with. */
  nowUnixMs(): number
  /** Calls `f` once after `delayMs`, and never keeps the process alive for it. Gives what calls it off. */
  after(delayMs: number, f: () => void): () => void
}

export const systemClock: Clock = {
  nowUnixMs: () => Date.now(),
  after: (delayMs, f) => {
    const timer = setTimeout(f, delayMs).unref()
    return () => clearTimeout(timer)
  },
}
