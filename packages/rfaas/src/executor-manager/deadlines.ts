import type { Clock } from '../clock.ts'

/** Longest sleep: timers count monotonic time, but the deadlines are on the wall clock, which may be set meanwhile. */
const SLEEP_MS_MAX = 10_000

/** One wall-clock deadline for each key, all behind one timer. */
export class Deadlines {
  readonly #clock: Clock
  readonly #onDue: (key: string) => void
  readonly #unixMs = new Map<string, number>()
  #cancelTimer: (() => void) | null = null

  /** @param onDue called once for each deadline that has passed; it may set the key's next one */
  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Sets or moves the deadline of `key`. */
  set(key: string, unixMs: number): void {
    this.#unixMs.set(key, unixMs)
    this.#arm()
  }

  delete(key: string): void {
    this.#unixMs.delete(key)
    this.#arm()
  }

  clear(): void {
    this.#unixMs.clear()
    this.#arm()
  }

  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    // A node has at most as many leases as cores, so a linear scan is cheap enough; no heap is needed.
    let nextUnixMs = Infinity
    for (const unixMs of this.#unixMs.values()) nextUnixMs = Math.min(nextUnixMs, unixMs)
    if (nextUnixMs === Infinity) return
    const delayMs = Math.min(Math.max(0, nextUnixMs - this.#clock.nowUnixMs()), SLEEP_MS_MAX)
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#fire())
  }

  #fire(): void {
    const nowUnixMs = this.#clock.nowUnixMs()
    const due = [...this.#unixMs].filter(([, unixMs]) => unixMs <= nowUnixMs)
    for (const [key] of due) this.#unixMs.delete(key)
    for (const [key] of due) this.#onDue(key)
    this.#arm()
  }
}
