import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { ALARM_RETRY_MS, ALARM_SLEEP_MS_MAX } from './limits.ts'
import { Alarm } from './alarm.ts'
import { TestClock } from '../test-clock.ts'

/** Lets promises that are settled run their course. */
const settle = (): Promise<void> => new Promise(setImmediate)

function setUp(work: () => number | Promise<number> = () => Infinity) {
  const clock = new TestClock()
  const start = clock.nowUnixMs()
  const calls: number[] = []
  const errors: unknown[] = []
  const alarm = new Alarm(
    clock,
    async () => {
      calls.push(clock.nowUnixMs() - start)
      return work()
    },
    (error) => errors.push(error),
  )
  return { clock, start, calls, errors, alarm }
}

describe('Alarm', () => {
  test('calls at the earliest of its deadlines, with one timer, and not at all without one', async () => {
    const { clock, start, calls, alarm } = setUp()
    clock.advance(ALARM_SLEEP_MS_MAX)
    assert.equal(clock.timerCount, 0)
    alarm.at(start + ALARM_SLEEP_MS_MAX + 300)
    alarm.at(start + ALARM_SLEEP_MS_MAX + 100)
    alarm.at(start + ALARM_SLEEP_MS_MAX + 200)
    assert.equal(clock.timerCount, 1)
    clock.advance(99)
    assert.deepEqual(calls, [])
    clock.advance(1)
    await settle()
    assert.deepEqual(calls, [ALARM_SLEEP_MS_MAX + 100])
  })

  test('calls again when its work says so, and at a deadline added meanwhile', async () => {
    const next = [Promise.resolve(0), Promise.withResolvers<number>()] as const
    let call = 0
    const { clock, start, calls, alarm } = setUp(() =>
      call++ === 0 ? start + 500 : call === 2 ? next[1].promise : Infinity,
    )
    alarm.at(start + 100)
    clock.advance(100)
    await settle()
    clock.advance(400)
    await settle()
    assert.deepEqual(calls, [100, 500])
    alarm.at(start + 700)
    clock.advance(300)
    assert.deepEqual(calls, [100, 500], 'never two at a time')
    next[1].resolve(start + 10_000)
    await settle()
    clock.advance(0)
    assert.deepEqual(calls, [100, 500, 800])
  })

  test('work that fails is reported and tried again', async () => {
    let attempts = 0
    const { clock, start, calls, errors, alarm } = setUp(() => {
      if (++attempts === 1) throw new Error('disk full')
      return Infinity
    })
    alarm.at(start)
    clock.advance(0)
    await settle()
    assert.match(String(errors[0]), /disk full/)
    clock.advance(ALARM_RETRY_MS)
    await settle()
    assert.deepEqual(calls, [0, ALARM_RETRY_MS])
  })

  test('close waits for the work under way and leaves no timer', async () => {
    const work = Promise.withResolvers<number>()
    const { clock, start, alarm } = setUp(() => work.promise)
    alarm.at(start)
    clock.advance(0)
    let closed = false
    const closing = alarm.close().then(() => (closed = true))
    await settle()
    assert.equal(closed, false)
    work.resolve(start + 1)
    await closing
    await alarm.close()
    alarm.at(start + 1)
    assert.equal(clock.timerCount, 0)
  })
})
