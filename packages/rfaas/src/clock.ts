// The global of this name is a getter, which adds a third to a reading of the clock.
import { performance } from 'node:perf_hooks'
import type { SenderClock } from './protocol/item-sender.ts'

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

/**
 * A clock whose time goes on from the wall clock of this moment, and never steps: setting the wall clock later has no effect.
 * It is for a resource manager: with its wall clock set an hour ahead, all leases would expire at once.
 */
export function steadyClock(own: Clock = systemClock): Clock {
  const startUnixMs = own.nowUnixMs() - own.nowMonotonicMs()
  return {
    nowUnixMs: () => Math.round(startUnixMs + own.nowMonotonicMs()),
    nowMonotonicMs: () => own.nowMonotonicMs(),
    after: (delayMs, f, keepsAlive) => own.after(delayMs, f, keepsAlive),
  }
}

/** Time for the streams of both ends: read for every item, so it is the quickest to read. */
export const streamClock: SenderClock = { nowMs: () => performance.now(), soon: (run) => void setImmediate(run) }
