import assert from 'node:assert/strict'
import { describe, it, mock, type TestContext } from 'node:test'

import { AbandonedSlots } from './abandoned.ts'

/** Abandoned slots with a grace of 100 ms; `asked` are the questions that were asked, for the test to answer. */
function setUp(t: TestContext): { slots: AbandonedSlots; asked: ((isEnding: boolean) => void)[]; freed: () => number } {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  let freed = 0
  const slots = new AbandonedSlots(() => freed++)
  const asked: ((isEnding: boolean) => void)[] = []
  slots.graceMs = 100
  slots.onOverdue = () => new Promise((resolve) => asked.push(resolve))
  return { slots, asked, freed: () => freed }
}

describe('AbandonedSlots', () => {
  it('asks when the grace is over, once for all slots, and again after another one when the worker stays', async (t) => {
    const { slots, asked } = setUp(t)
    slots.add(1)
    slots.add(2)
    mock.timers.tick(99)
    assert.equal(asked.length, 0)
    mock.timers.tick(1)
    assert.equal(asked.length, 1)
    asked[0]!(false)
    await Promise.resolve()
    await Promise.resolve()
    assert.equal(slots.isOwing, true)
    mock.timers.tick(100)
    assert.equal(asked.length, 2)
  })

  it('asks nothing once the worker has answered, and the next slot has all its time', (t) => {
    const { slots, asked } = setUp(t)
    slots.add(1)
    mock.timers.tick(60)
    assert.equal(slots.delete(1), true)
    assert.equal(slots.isOwing, false)
    slots.add(2)
    mock.timers.tick(60)
    assert.equal(asked.length, 0)
  })

  it('owes while it is asked, also when the answer comes meanwhile: nothing is sent that would end with the worker', async (t) => {
    const { slots, asked, freed } = setUp(t)
    slots.add(1)
    mock.timers.tick(100)
    assert.equal(slots.delete(1), false)
    assert.deepEqual([slots.isOwing, freed()], [true, 0])
    asked[0]!(false)
    await Promise.resolve()
    await Promise.resolve()
    assert.deepEqual([slots.isOwing, freed()], [false, 1])
  })

  it('stays owing when the worker ends', async (t) => {
    const { slots, asked, freed } = setUp(t)
    slots.add(1)
    mock.timers.tick(100)
    asked[0]!(true)
    await Promise.resolve()
    slots.delete(1)
    assert.deepEqual([slots.isOwing, freed()], [true, 0])
  })

  it('asks nothing with an infinite grace, without anybody to ask, and once closed', (t) => {
    const { slots, asked } = setUp(t)
    slots.graceMs = Infinity
    slots.add(1)
    slots.graceMs = 100
    slots.add(2)
    slots.close()
    mock.timers.tick(1000)
    assert.equal(asked.length, 0)
  })
})
