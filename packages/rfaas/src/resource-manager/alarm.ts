import { ALARM_RETRY_MS, ALARM_SLEEP_MS_MAX } from './limits.ts'
import type { Clock } from '../clock.ts'

/**
 * One timer for the earliest of many deadlines. It keeps only that one: when it comes, the alarm calls `work`, which
 * does what is due and returns the next deadline.
 */
export class Alarm {
  readonly #clock: Clock
  readonly #work: (lateMs: number) => Promise<number>
  readonly #onError: (error: unknown) => void
  #dueUnixMs = Infinity
  #cancelTimer: (() => void) | null = null
  #working: Promise<void> | null = null
  #closed = false

  /**
   * @param work does what is due and returns the next deadline; calls never overlap. May be called early. Its argument
   * is the lateness, which is large when the process was stopped, the machine slept, or the clock was set forward
   * @param onError called when `work` throws; `work` is then called again after ALARM_RETRY_MS
   */
  constructor(clock: Clock, work: (lateMs: number) => Promise<number>, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#work = work
    this.#onError = onError
  }

  /** Adds a deadline. */
  at(unixMs: number): void {
    if (unixMs >= this.#dueUnixMs) return
    this.#dueUnixMs = unixMs
    if (this.#working === null) this.#arm()
  }

  /** Cancels the timer and waits for work in progress. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer?.()
    await this.#working
  }

  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    if (this.#closed || this.#dueUnixMs === Infinity) return
    const delayMs = Math.min(Math.max(0, this.#dueUnixMs - this.#clock.nowUnixMs()), ALARM_SLEEP_MS_MAX)
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#fire())
  }

  #fire(): void {
    const lateMs = this.#clock.nowUnixMs() - this.#dueUnixMs
    if (lateMs < 0) return this.#arm()
    // The running work may miss deadlines added from here on, so they are kept until it is done.
    this.#dueUnixMs = Infinity
    this.#working = this.#workOnce(lateMs).finally(() => {
      this.#working = null
      this.#arm()
    })
  }

  async #workOnce(lateMs: number): Promise<void> {
    try {
      const nextUnixMs = await this.#work(lateMs)
      this.#dueUnixMs = Math.min(this.#dueUnixMs, nextUnixMs)
    } catch (error) {
      this.#dueUnixMs = Math.min(this.#dueUnixMs, this.#clock.nowUnixMs() + ALARM_RETRY_MS)
      this.#onError(error)
    }
  }
}
