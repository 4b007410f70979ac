import type { Clock } from '../clock.ts'
import { DueIndex } from '../due-index.ts'

/** Longest sleep: timers count monotonic time, but the deadlines are on the wall clock, which may be set meanwhile. */
const SLEEP_MS_MAX = 10_000

/** One wall-clock deadline for each key, all behind one timer. */
export class Deadlines {
  readonly #clock: Clock
  readonly #onDue: (key: string) => void
  #dues = new DueIndex()
  #cancelTimer: (() => void) | null = null

  /** @param onDue called once for each deadline that has passed; it may set the key's next one */
  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Sets or moves the deadline of `key`. */
  set(key: string, unixMs: number): void {
    this.#dues.set(key, unixMs)
    this.#arm()
  }

  delete(key: string): void {
    this.#dues.delete(key)
    this.#arm()
  }

  clear(): void {
    this.#dues = new DueIndex()
    this.#arm()
  }

  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const nextUnixMs = this.#dues.nextUnixMs()
    if (nextUnixMs === Infinity) return
    const delayMs = Math.min(Math.max(0, nextUnixMs - this.#clock.nowUnixMs()), SLEEP_MS_MAX)
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#fire())
  }

  #fire(): void {
    const nowUnixMs = this.#clock.nowUnixMs()
    const due: string[] = []
    for (let key; (key = this.#dues.take(nowUnixMs)) !== null;) due.push(key)
    for (const key of due) this.#onDue(key)
    this.#arm()
  }
}
