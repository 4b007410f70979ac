import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { addTimeLeft, CANCEL_MIN, cancelImmediate, idEnd, readCancel, readTimeLeft } from './cancel.ts'
import { SLOTS_MAX } from './limits.ts'
import { FAREWELL } from './slots.ts'

const seed = Date.now() & 0x7fffffff
/** The largest immediate of a fabric. */
const IMMEDIATE_MAX = 2 ** 31 - 1

describe('cancel', () => {
  test(`an immediate names slot, end of the id and reason, and is neither a slot nor the farewell (seed ${seed})`, () => {
    const anySlot = fc.integer({ min: 0, max: SLOTS_MAX - 1 })
    const anyId = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(anySlot, anyId, fc.constantFrom('deadline', 'aborted'), (slot, id, reason) => {
        const immediate = cancelImmediate(slot, id, reason)
        assert.deepEqual(readCancel(immediate), { slot, idEnd: idEnd(id), reason })
        assert.ok(immediate >= CANCEL_MIN && immediate <= IMMEDIATE_MAX && immediate > FAREWELL)
      }),
      { seed },
    )
    assert.notEqual(idEnd(7), idEnd(8))
  })

  test('the time left stands behind the input, where there is room, and is never below 0', () => {
    const room = new Uint8Array(64).subarray(3, 23)
    room.fill(9)
    assert.equal(addTimeLeft(room, 12, 1500.5), 20)
    assert.equal(readTimeLeft(room, 12), 1500.5)
    assert.deepEqual(room.subarray(0, 12), new Uint8Array(12).fill(9))
    assert.equal(addTimeLeft(room, 13, 1500.5), 0)
    for (const [written, read] of [
      [Infinity, Infinity],
      [-3, 0],
      [NaN, 0],
    ] as const) {
      // prettier-ignore
      addTimeLeft(room, 0, written)
      assert.equal(readTimeLeft(room, 0), read)
    }
  })
})
