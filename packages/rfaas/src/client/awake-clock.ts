import { systemClock, type Clock } from '../clock.ts'
import { AWAKE_TICK_MS, STANDSTILL_MS_MIN } from './limits.ts'

/**
 * A clock that stands still while the process does: stopped by a signal or a debugger, or on a machine that sleeps. For a
 * manager and a node that stand still together with the only clients that they have: with it no lease expires, and no
 * node counts as lost, for time in which nobody could have said anything.
 *
 * It ticks, so that it notices a standstill by the tick that did not come.
 */
export class AwakeClock implements Clock {
  readonly #own: Clock
  readonly #startUnixMs: number
  readonly #startMs: number
  /** By our own clock, when this one last moved. */
  #lastMs: number
  #stillMs = 0

  constructor(own: Clock = systemClock) {
    this.#own = own
    this.#startUnixMs = own.nowUnixMs()
    this.#startMs = this.#lastMs = own.nowMonotonicMs()
    this.#tick()
  }

  /** Goes on from the time at the start, though the wall clock is set. */
  nowUnixMs(): number {
    return this.#startUnixMs + this.nowMonotonicMs() - this.#startMs
  }

  nowMonotonicMs(): number {
    const nowMs = this.#own.nowMonotonicMs()
    const sinceMs = nowMs - this.#lastMs
    if (sinceMs > STANDSTILL_MS_MIN) this.#stillMs += sinceMs - AWAKE_TICK_MS
    this.#lastMs = nowMs
    return nowMs - this.#stillMs
  }

  /** May be early by what the process stood still meanwhile; those who wait for a deadline look at the clock. */
  after(delayMs: number, f: () => void, keepsAlive?: boolean): () => void {
    return this.#own.after(delayMs, f, keepsAlive)
  }

  #tick(): void {
    this.nowMonotonicMs()
    this.#own.after(AWAKE_TICK_MS, () => this.#tick())
  }
}
