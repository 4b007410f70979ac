import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { MANAGER_CLOCK_KEPT_MS } from './limits.ts'
import { TestClock } from '../test-clock.ts'
import { ManagerClock } from './manager-clock.ts'

const HOUR_MS = 3_600_000

test('ManagerClock: until the manager has answered it is our own', () => {
  const own = new TestClock()
  const clock = new ManagerClock(own)
  own.advance(1000)
  assert.equal(clock.nowUnixMs(), own.nowUnixMs())
})

test('ManagerClock: wrong by half the shortest round trip at most, however wrong our own is and whenever it is set', () => {
  const exchange = fc.record({
    thereMs: fc.integer({ min: 0, max: 2000 }),
    backMs: fc.integer({ min: 0, max: 2000 }),
    pauseMs: fc.integer({ min: 0, max: 20_000 }),
    stepMs: fc.integer({ min: -HOUR_MS, max: HOUR_MS }),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: -HOUR_MS, max: HOUR_MS }),
      fc.array(exchange, { minLength: 1, maxLength: 20 }),
      (skewMs, exchanges) => {
        const own = new TestClock()
        const clock = new ManagerClock(own)
        const theirs = (): number => 1_700_000_000_000 + skewMs + own.nowMonotonicMs()
        let shortestMs = Infinity
        let atMs = -Infinity
        for (const { thereMs, backMs, pauseMs, stepMs } of exchanges) {
          own.advance(pauseMs)
          own.step(stepMs)
          const askedMs = own.nowMonotonicMs()
          own.advance(thereMs)
          const said = theirs()
          own.advance(backMs)
          clock.hear(said, askedMs)
          if (thereMs + backMs <= shortestMs || askedMs >= atMs + MANAGER_CLOCK_KEPT_MS) {
            shortestMs = thereMs + backMs
            atMs = askedMs
          }
          assert.ok(Math.abs(clock.nowUnixMs() - theirs()) <= shortestMs / 2)
        }
      },
    ),
  )
})

test('ManagerClock: follows a manager that sets its clock with the next answer, also a slow one', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -HOUR_MS, max: HOUR_MS }),
      fc.integer({ min: 0, max: 2000 }),
      fc.integer({ min: 0, max: MANAGER_CLOCK_KEPT_MS }),
      (setMs, roundTripMs, pauseMs) => {
        const own = new TestClock()
        const clock = new ManagerClock(own)
        clock.hear(own.nowUnixMs(), own.nowMonotonicMs())
        own.advance(pauseMs)
        const askedMs = own.nowMonotonicMs()
        own.advance(roundTripMs)
        clock.hear(own.nowUnixMs() + setMs, askedMs)
        // What is less than half of the round trip cannot be told from a slow answer.
        const wrongMs = Math.abs(clock.nowUnixMs() - own.nowUnixMs() - setMs)
        assert.ok(wrongMs <= roundTripMs + (pauseMs + roundTripMs) / 1000, `${wrongMs} ms wrong`)
      },
    ),
  )
})
