import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { POOL_BUSY_MS_MAX, POOL_REFILL_DELAY_MS, POOL_RETRY_MS_MAX, POOL_RETRY_MS_MIN } from './limits.ts'
import { bestFit, PoolPlan } from './pool-plan.ts'
import type { ExecutorShape, PoolStep } from './pool-plan.ts'

const FIRST = { workers: 1, heapMib: 512 }
const SMALL = { workers: 1, heapMib: 64 }
const WIDE = { workers: 4, heapMib: 512 }
const NOTHING: PoolStep = { stop: [], start: null, againAtMs: null }
const idle = (): boolean => true
const busy = (): boolean => false

describe('PoolPlan', () => {
  it('fills up to its size, one at a time, at once when it is new', () => {
    const plan = new PoolPlan(2, FIRST)
    assert.deepEqual(plan.next([], false, busy, 0), { ...NOTHING, start: FIRST })
    assert.deepEqual(plan.next([], true, busy, 1), NOTHING)
    assert.deepEqual(plan.next([FIRST], false, busy, 2), { ...NOTHING, start: FIRST })
    assert.deepEqual(plan.next([FIRST, FIRST], false, busy, 3), NOTHING)
  })

  it('of size 0 never does anything', () => {
    const plan = new PoolPlan(0, FIRST)
    plan.leased(FIRST, 0)
    assert.deepEqual(plan.next([], false, idle, 1e6), NOTHING)
  })

  it('leaves a lease alone for its first calls, each lease anew', () => {
    const plan = new PoolPlan(1, FIRST)
    plan.leased(FIRST, 1000)
    assert.deepEqual(plan.next([], false, idle, 1000), { ...NOTHING, againAtMs: 1000 + POOL_REFILL_DELAY_MS })
    plan.leased(FIRST, 1100)
    const dueMs = 1100 + POOL_REFILL_DELAY_MS
    assert.deepEqual(plan.next([], false, idle, dueMs - 1), { ...NOTHING, againAtMs: dueMs })
    assert.deepEqual(plan.next([], false, idle, dueMs), { ...NOTHING, start: FIRST })
  })

  it('waits for an idle core, but not for ever', () => {
    const plan = new PoolPlan(1, FIRST)
    plan.leased(FIRST, 0)
    const againAtMs = 2 * POOL_REFILL_DELAY_MS
    assert.deepEqual(plan.next([], false, busy, POOL_REFILL_DELAY_MS), { ...NOTHING, againAtMs })
    assert.deepEqual(plan.next([], false, busy, POOL_BUSY_MS_MAX), { ...NOTHING, start: FIRST })
  })

  it('takes the shapes of the last leases, and ends what nobody asks for when it starts what somebody may', () => {
    const plan = new PoolPlan(2, FIRST)
    plan.leased(SMALL, 0)
    const dueMs = POOL_REFILL_DELAY_MS
    assert.deepEqual(plan.next([FIRST, FIRST], false, idle, dueMs), { stop: [1], start: SMALL, againAtMs: null })
    assert.deepEqual(plan.next([FIRST, SMALL], false, idle, dueMs), NOTHING)
    plan.leased(WIDE, dueMs)
    // One executor is missing anyway, so none has to make room.
    assert.deepEqual(plan.next([FIRST], false, idle, 2 * dueMs), { stop: [], start: WIDE, againAtMs: null })
    assert.deepEqual(plan.next([FIRST, WIDE], false, idle, 2 * dueMs), { stop: [0], start: SMALL, againAtMs: null })
  })

  it('tries again later and later after failures, and at once as before when one was used or had lived long', () => {
    const plan = new PoolPlan(1, FIRST)
    assert.equal(plan.isWell, true)
    let nowMs = 0
    const waits: number[] = []
    for (let failure = 0; failure < 10; failure++) {
      const waitMs = plan.failed(nowMs, 0)
      assert.equal(plan.isWell, false)
      assert.deepEqual(plan.next([], false, idle, nowMs + waitMs - 1), { ...NOTHING, againAtMs: nowMs + waitMs })
      nowMs += waitMs
      assert.deepEqual(plan.next([], false, idle, nowMs), { ...NOTHING, start: FIRST })
      waits.push(waitMs)
    }
    assert.deepEqual(waits.slice(0, 3), [POOL_RETRY_MS_MIN, 2 * POOL_RETRY_MS_MIN, 4 * POOL_RETRY_MS_MIN])
    assert.equal(waits.at(-1), POOL_RETRY_MS_MAX)
    assert.equal(plan.failed(nowMs, POOL_RETRY_MS_MAX), POOL_RETRY_MS_MIN)
    assert.equal(plan.failed(nowMs, 1), 2 * POOL_RETRY_MS_MIN)
    plan.used()
    assert.equal(plan.isWell, true)
    assert.equal(plan.failed(nowMs, 1), POOL_RETRY_MS_MIN)
  })

  it('holds, after any leases, as many as its size in exactly the shapes of the last ones, with the fewest starts', () => {
    const shapes = fc.constantFrom<ExecutorShape>(FIRST, SMALL, WIDE)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(shapes, { maxLength: 12 }), (size, leases) => {
        const plan = new PoolPlan(size, FIRST)
        const held: ExecutorShape[] = []
        let nowMs = 0
        const fill = (): number => {
          let starts = 0
          for (;;) {
            nowMs += POOL_REFILL_DELAY_MS
            const { stop, start } = plan.next(held, false, idle, nowMs)
            for (const index of stop) held.splice(index, 1)
            if (start === null) return starts
            held.push(start)
            starts++
            assert.ok(held.length <= size)
          }
        }
        assert.equal(fill(), size)
        for (const shape of leases) {
          const fit = bestFit(shape, held)
          if (fit >= 0) held.splice(fit, 1)
          plan.leased(shape, nowMs)
          assert.ok(fill() <= 2)
        }
        const wanted = [...Array.from({ length: size }, () => FIRST), ...leases].slice(-size)
        const sorted = (all: ExecutorShape[]): string[] => all.map((shape) => JSON.stringify(shape)).sort()
        assert.deepEqual(sorted(held), sorted(wanted))
      }),
    )
  })
})

describe('bestFit', () => {
  it('takes equal heaps only: as many workers, else more, else the most', () => {
    const of = (workers: number, heapMib = 512): ExecutorShape => ({ workers, heapMib })
    assert.equal(bestFit(of(2), []), -1)
    assert.equal(bestFit(of(2), [of(2, 64)]), -1)
    assert.equal(bestFit(of(2), [of(1), of(4), of(2), of(2)]), 2)
    assert.equal(bestFit(of(2), [of(1), of(8), of(4)]), 2)
    assert.equal(bestFit(of(4), [of(1), of(2, 64), of(2)]), 2)
  })
})
