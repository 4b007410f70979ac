import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { SMALL } from '../compliance/harness.ts'
import { AWAKE, BLOCKED, layoutOf, LOST, ON_LOOP, SLEEP } from '../local/layout.ts'
import { allocate, End, endSide, GONE, OWNER, RINGS, type ThreadsMemory } from './memory.ts'

const sleepOf = (side: 0 | 1): number => layoutOf(SMALL, 0).lineWord[side] + SLEEP

/** Whether `act` wakes a thread that waits at a place in memory. */
async function wakes(words: Int32Array, index: number, act: () => void): Promise<boolean> {
  const waiting = Atomics.waitAsync(words, index, Atomics.load(words, index), 1_000)
  act()
  return waiting.async ? (await waiting.value) === 'ok' : true
}

function setUp(): { memory: ThreadsMemory; words: Int32Array; near: End; far: End } {
  const memory = allocate(SMALL, 0)
  return { memory, words: new Int32Array(memory.control), near: new End(memory, 0), far: new End(memory, 1) }
}

describe('End', () => {
  it('take: one thread has it, until it is gone', () => {
    const { memory, near } = setUp()
    assert.ok(near.take(0))
    assert.ok(near.isOf(0) && !near.isOf(1) && !near.isGone)
    assert.ok(!near.take(1))
    endSide(memory, 0)
    assert.ok(near.isGone && !near.isOf(0))
    assert.ok(!near.take(1))
  })

  it('wake: notifies a thread where it sleeps, and none that is awake', async () => {
    const { words, far } = setUp()
    for (const [sleep, where, index] of [
      [BLOCKED, words, sleepOf(1)],
      [ON_LOOP, far.flags, RINGS],
    ] as const) {
      Atomics.store(words, sleepOf(1), sleep)
      assert.ok(await wakes(where, index, () => far.wake()))
      assert.equal(Atomics.load(words, sleepOf(1)), AWAKE)
    }
    const rings = Atomics.load(far.flags, RINGS)
    far.wake()
    assert.equal(Atomics.load(far.flags, RINGS), rings)
  })
})

describe('endSide', () => {
  it('tells the other side, once', () => {
    const { memory, near, far } = setUp()
    endSide(memory, 0)
    assert.deepEqual([near.flags[OWNER], near.flags[LOST], far.flags[LOST]], [GONE, 0, 1])
    const rings = far.flags[RINGS]
    endSide(memory, 0)
    assert.equal(far.flags[RINGS], rings)
  })

  it('wakes the other side also where a thread was terminated while it did so', async () => {
    // That thread has set SLEEP, and has not notified.
    for (const [sleep, place] of [
      [BLOCKED, 'words'],
      [ON_LOOP, 'flags'],
    ] as const) {
      const { memory, words, far } = setUp()
      Atomics.store(words, sleepOf(1), sleep)
      const asleep = place === 'words' ? ([words, sleepOf(1)] as const) : ([far.flags, RINGS] as const)
      const terminated = (): void => void (words[sleepOf(1)] = AWAKE)
      const woken = await wakes(...asleep, () => {
        terminated()
        endSide(memory, 0)
      })
      assert.ok(woken, place)
    }
  })

  it('tells the other side also where a thread was terminated after it had begun to', () => {
    const { memory, near, far } = setUp()
    Atomics.store(far.flags, LOST, 1)
    endSide(memory, 0)
    assert.ok(near.isGone)
    assert.equal(far.flags[RINGS], 1)
  })
})
