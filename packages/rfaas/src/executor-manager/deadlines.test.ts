import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Deadlines } from './deadlines.ts'
import { TestClock } from '../test-clock.ts'

describe('Deadlines', () => {
  function setUp() {
    const clock = new TestClock()
    const due: string[] = []
    const deadlines = new Deadlines(clock, (key) => due.push(key))
    return { clock, due, deadlines, startUnixMs: clock.nowUnixMs() }
  }

  it('calls at the deadline, not before, once each', () => {
    const { clock, due, deadlines, startUnixMs } = setUp()
    deadlines.set('later', startUnixMs + 90_000)
    deadlines.set('sooner', startUnixMs + 1000)
    clock.advance(999)
    assert.deepEqual(due, [])
    clock.advance(1)
    assert.deepEqual(due, ['sooner'])
    clock.advance(88_999)
    assert.deepEqual(due, ['sooner'])
    clock.advance(100_000)
    assert.deepEqual(due, ['sooner', 'later'])
  })

  it('moves, deletes and clears; has one timer at most and none without deadlines', () => {
    const { clock, due, deadlines, startUnixMs } = setUp()
    for (let i = 0; i < 20; i++) deadlines.set(`${i}`, startUnixMs + 1000 + i)
    assert.equal(clock.timerCount, 1)
    for (let i = 2; i < 20; i++) deadlines.delete(`${i}`)
    deadlines.set('0', startUnixMs + 3000)
    clock.advance(2000)
    assert.deepEqual(due, ['1'])
    clock.advance(1000)
    assert.deepEqual(due, ['1', '0'])
    assert.equal(clock.timerCount, 0)
    deadlines.set('0', startUnixMs + 9000)
    deadlines.clear()
    assert.equal(clock.timerCount, 0)
  })

  it('lets a due key set its next deadline', () => {
    const clock = new TestClock()
    let count = 0
    const deadlines: Deadlines = new Deadlines(clock, (key) => {
      count += 1
      deadlines.set(key, clock.nowUnixMs() + 1000)
    })
    deadlines.set('again', clock.nowUnixMs() + 1000)
    clock.advance(3500)
    assert.equal(count, 3)
  })

  it('notices within seconds that the wall clock was set forward', () => {
    const { clock, due, deadlines, startUnixMs } = setUp()
    deadlines.set('a', startUnixMs + 3_600_000)
    clock.step(3_600_000)
    clock.advance(10_000)
    assert.deepEqual(due, ['a'])
  })
})
