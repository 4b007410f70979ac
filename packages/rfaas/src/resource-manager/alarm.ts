import { ALARM_RETRY_MS, ALARM_SLEEP_MS_MAX } from './limits.ts'
import type { Clock } from '../clock.ts'

/**
 * One timer for the next of many deadlines. It does not know them: when the earliest that it was told comes, it asks
 * for work to be done and for the next one.
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
   * @param work does what is due and gives the next deadline; never called while it runs. May be called early. Is told
   * how late it is: much, when the process was stopped, the machine slept, or the clock was set forward
   * @param onError is told when it throws; it is then called again after ALARM_RETRY_MS
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

  /** Waits for work that is being done. Closing twice is fine. */
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
    // Deadlines added from here on may be missed by the work, so they are kept for after it.
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
