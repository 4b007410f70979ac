import type { Clock } from '../clock.ts'
import { MANAGER_CLOCK_KEPT_MS } from './limits.ts'

/**
 * The resource manager's clock, as this node knows it: leases expire by that one, so that the clocks of two hosts need
 * not agree. Each answer of the manager says what time it was there between our question and our hearing of it, so what
 * we take for its time is wrong by half of that round trip at most, and by what clocks drift until the next good answer
 * (20 ms in a minute, were one of them as bad as a cheap watch). Marzullo's and NTP's idea, with one peer
 * ([RFC 5905](https://www.rfc-editor.org/rfc/rfc5905)).
 */
export class ManagerClock implements Clock {
  readonly #own: Clock
  /** Its time − our monotonic time. */
  #offsetMs: number
  #roundTripMs = Infinity
  #askedMs = -Infinity

  /** @param own the wall clock of which is taken until the manager has answered */
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
   * Takes what the manager has said, unless what is known is known better and not old.
   *
   * @param nowUnixMs its time
   * @param askedMs when the question left, by our monotonic clock; its answer is there now
   */
  hear(nowUnixMs: number, askedMs: number): void {
    const heardMs = this.#own.nowMonotonicMs()
    const roundTripMs = heardMs - askedMs
    if (roundTripMs > this.#roundTripMs && askedMs < this.#askedMs + MANAGER_CLOCK_KEPT_MS) return
    this.#offsetMs = nowUnixMs - (askedMs + heardMs) / 2
    this.#roundTripMs = roundTripMs
    this.#askedMs = askedMs
  }
}
