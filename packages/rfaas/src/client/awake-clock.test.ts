import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Clock } from '../clock.ts'
import { AWAKE_TICK_MS } from './limits.ts'
import { AwakeClock } from './awake-clock.ts'

const START_UNIX_MS = 1_700_000_000_000

/** The clock of a process whose event loop turns only when it is told to. */
class LoopClock implements Clock {
  monotonicMs = 5000
  stepMs = 0
  #timers: { atMs: number; f: () => void }[] = []

  nowUnixMs(): number {
    return START_UNIX_MS + this.stepMs + this.monotonicMs
  }

  nowMonotonicMs(): number {
    return this.monotonicMs
  }

  after(delayMs: number, f: () => void): () => void {
    this.#timers.push({ atMs: this.monotonicMs + delayMs, f })
    return () => {}
  }

  /** Time passes, and the event loop turns all the while. */
  run(ms: number): void {
    for (const endMs = this.monotonicMs + ms; this.monotonicMs < endMs;) {
      this.monotonicMs += Math.min(10, endMs - this.monotonicMs)
      this.turn()
    }
  }

  turn(): void {
    const due = this.#timers.filter(({ atMs }) => atMs <= this.monotonicMs)
    this.#timers = this.#timers.filter((timer) => !due.includes(timer))
    for (const { f } of due) f()
  }
}

describe('AwakeClock', () => {
  test('goes as its own clock does while the event loop turns', () => {
    const own = new LoopClock()
    const clock = new AwakeClock(own)
    const [monotonicMs, unixMs] = [clock.nowMonotonicMs(), clock.nowUnixMs()]
    own.run(60_000)
    assert.equal(clock.nowMonotonicMs() - monotonicMs, 60_000)
    assert.equal(clock.nowUnixMs() - unixMs, 60_000)
  })

  test('stands still while the process does, but for less than one tick', () => {
    const own = new LoopClock()
    const clock = new AwakeClock(own)
    own.run(1000)
    const beforeMs = clock.nowUnixMs()
    own.monotonicMs += 3_600_000
    assert.ok(clock.nowUnixMs() - beforeMs <= AWAKE_TICK_MS)
    own.turn()
    assert.ok(clock.nowUnixMs() - beforeMs <= AWAKE_TICK_MS)
    own.run(500)
    assert.ok(clock.nowUnixMs() - beforeMs >= 500)
  })

  test('counts the time in which the event loop was only busy', () => {
    const own = new LoopClock()
    const clock = new AwakeClock(own)
    own.run(1000)
    const beforeMs = clock.nowMonotonicMs()
    own.monotonicMs += 150
    own.turn()
    assert.equal(clock.nowMonotonicMs() - beforeMs, 150)
  })

  test('does not step when the wall clock is set', () => {
    const own = new LoopClock()
    const clock = new AwakeClock(own)
    const beforeMs = clock.nowUnixMs()
    own.stepMs = -3_600_000
    own.run(100)
    assert.equal(clock.nowUnixMs() - beforeMs, 100)
  })
})
