import type { Clock } from './clock.ts'

/** A clock for tests that moves when it is told to, and calls its timers then, in their order. */
export class TestClock implements Clock {
  #nowUnixMs = 1_700_000_000_000
  readonly #timers = new Set<{ atUnixMs: number; f: () => void }>()

  get timerCount(): number {
    return this.#timers.size
  }

  nowUnixMs(): number {
    return this.#nowUnixMs
  }

  after(delayMs: number, f: () => void): () => void {
    const timer = { atUnixMs: this.#nowUnixMs + delayMs, f }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const endUnixMs = this.#nowUnixMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.atUnixMs - b.atUnixMs)
      if (next === undefined || next.atUnixMs > endUnixMs) break
      this.#timers.delete(next)
      this.#nowUnixMs = Math.max(this.#nowUnixMs, next.atUnixMs)
      next.f()
    }
    this.#nowUnixMs = endUnixMs
  }
}
