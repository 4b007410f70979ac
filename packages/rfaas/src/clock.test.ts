import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { steadyClock } from './clock.ts'
import { TestClock } from './test-clock.ts'

test('steadyClock: goes on as time does, however the wall clock is set', () => {
  const own = new TestClock()
  const clock = steadyClock(own)
  const startUnixMs = own.nowUnixMs()
  assert.equal(clock.nowUnixMs(), startUnixMs)
  for (const stepMs of [3_600_000, -7_200_000]) {
    own.step(stepMs)
    assert.equal(clock.nowUnixMs(), startUnixMs + clock.nowMonotonicMs())
    own.advance(1000)
  }
  assert.equal(clock.nowUnixMs(), startUnixMs + 2000)
  let isCalled = false
  clock.after(5, () => (isCalled = true))
  own.advance(5)
  assert.ok(isCalled)
})
