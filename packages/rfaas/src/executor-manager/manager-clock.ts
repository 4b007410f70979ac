import type { Clock } from '../clock.ts'
import { CLOCK_DRIFT_MAX, MANAGER_CLOCK_KEPT_MS } from './limits.ts'

/**
 * The node's estimate of the resource manager's clock. Leases expire by that clock, so the clocks of two hosts need not
 * agree. Each answer of the manager carries its time at some moment between our question and our receipt of the answer.
 * The estimate is therefore wrong by at most half of that round trip, plus the clock drift until the next good answer
 * (20 ms in a minute, were one of the clocks as bad as a cheap watch). This is Marzullo's and NTP's idea, with one peer
 * ([RFC 5905](https://www.rfc-editor.org/rfc/rfc5905)). An answer that contradicts the estimate, more than both can be wrong,
 * comes from a manager whose clock was set: it is used at once.
 */
export class ManagerClock implements Clock {
  readonly #own: Clock
  /** The manager's time minus our monotonic time. */
  #offsetMs: number
  #roundTripMs = Infinity
  #askedMs = -Infinity

  /** @param own its wall clock is used until the manager has answered */
  constructor(own: Clock) {
    this.#own = own
    this.#offsetMs = own.nowUnixMs() - own.nowMonotonicMs()
  }

  nowUnixMs(): number {
    return this.#offsetMs + this.#own.nowMonotonicMs()
  }

  nowMonotonicMs(): number {
    return this.#own.nowMonotonicMs()
  }

  after(delayMs: number, f: () => void): () => void {
    return this.#own.after(delayMs, f)
  }

  /**
   * Uses the time in an answer of the manager, unless the current estimate is more precise and not too old.
   *
   * @param nowUnixMs the manager's time
   * @param askedMs when the question was sent, by our monotonic clock; call this when the answer has just arrived
   */
  hear(nowUnixMs: number, askedMs: number): void {
    const heardMs = this.#own.nowMonotonicMs()
    const roundTripMs = heardMs - askedMs
    const offsetMs = nowUnixMs - (askedMs + heardMs) / 2
    const wrongMsMax = (roundTripMs + this.#roundTripMs) / 2 + (heardMs - this.#askedMs) * CLOCK_DRIFT_MAX
    const wasSet = Math.abs(offsetMs - this.#offsetMs) > wrongMsMax
    const isBetter = roundTripMs <= this.#roundTripMs || askedMs >= this.#askedMs + MANAGER_CLOCK_KEPT_MS
    if (!isBetter && !wasSet) return
    this.#offsetMs = offsetMs
    this.#roundTripMs = roundTripMs
    this.#askedMs = askedMs
  }
}
