import { systemClock, type Clock } from '../clock.ts'
import { AWAKE_TICK_MS, STANDSTILL_MS_MIN } from './limits.ts'

/**
 * A clock that stops while the process is stopped: by a signal, by a debugger, or on a machine that sleeps. It is for a
 * manager and a node that stop together with their only clients: no lease expires, and no node counts as lost, for time
 * in which none of them could send a message.
 *
 * It ticks every AWAKE_TICK_MS; a tick that is long overdue reveals the standstill.
 */
export class AwakeClock implements Clock {
  readonly #own: Clock
  readonly #startUnixMs: number
  readonly #startMs: number
  /** When this clock last moved, by the clock underneath. */
  #lastMs: number
  #stillMs = 0

  constructor(own: Clock = systemClock) {
    this.#own = own
    this.#startUnixMs = own.nowUnixMs()
    this.#startMs = this.#lastMs = own.nowMonotonicMs()
    this.#tick()
  }

  /** Counts on from the wall clock at the start; setting the wall clock later has no effect. */
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

  /**
   * May fire early by the time that the process stood still meanwhile; code that waits for a deadline checks the clock.
   */
  after(delayMs: number, f: () => void, keepsAlive?: boolean): () => void {
    return this.#own.after(delayMs, f, keepsAlive)
  }

  #tick(): void {
    this.nowMonotonicMs()
    this.#own.after(AWAKE_TICK_MS, () => this.#tick())
  }
}
