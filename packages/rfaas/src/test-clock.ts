import type { Clock } from './clock.ts'

/** A clock for tests that moves when it is told to, and calls its timers then, in their order. */
export class TestClock implements Clock {
  #unixMs: number
  #monotonicMs = 0
  readonly #timers = new Set<{ atMs: number; f: () => void }>()

  constructor(unixMs = 1_700_000_000_000) {
    this.#unixMs = unixMs
  }

  get timerCount(): number {
    return this.#timers.size
  }

  nowUnixMs(): number {
    return this.#unixMs
  }

  nowMonotonicMs(): number {
    return this.#monotonicMs
  }

  after(delayMs: number, f: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + delayMs, f }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (!next) break
      this.#timers.delete(next)
      this.#move(Math.max(this.#monotonicMs, next.atMs))
      next.f()
    }
    this.#move(endMs)
  }

  /** Sets the wall clock, as an operator or NTP does: no time passes. */
  step(ms: number): void {
    this.#unixMs += ms
  }

  #move(monotonicMs: number): void {
    this.#unixMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }
}
