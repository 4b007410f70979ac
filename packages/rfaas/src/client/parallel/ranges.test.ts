/** The items of a loop: every one is taken exactly once, whoever takes how many, and whatever comes back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'

import { Ranges, type Range } from './ranges.ts'

describe('the items of a loop', () => {
  test('each is computed exactly once, in whatever order participants take and give back', () => {
    const speeds = fc.array(fc.double({ min: 0.001, max: 1000, noNaN: true }), { minLength: 1, maxLength: 6 })
    const step = fc.record({ participant: fc.nat(), most: fc.integer({ min: 1, max: 40 }), isLost: fc.boolean() })
    const steps = fc.array(step, { maxLength: 60 })
    fc.assert(
      fc.property(speeds, fc.integer({ min: 0, max: 300 }), steps, (speeds, items, steps) => {
        const ranges = new Ranges(items, speeds)
        const computed = new Uint8Array(items)
        let left = items
        const take = (participant: number, most: number): Range | null => {
          const range = ranges.take(participant % speeds.length, most)
          if (range === null) assert.equal(left, 0)
          else assert.ok(range.count >= 1 && range.count <= most)
          left -= range?.count ?? 0
          assert.equal(ranges.left, left)
          return range
        }
        for (const { participant, most, isLost } of steps) {
          const range = take(participant, most)
          if (range === null) continue
          if (isLost) {
            ranges.giveBack(range)
            left += range.count
          } else for (let i = 0; i < range.count; i++) computed[range.first + i]!++
        }
        for (let range = take(0, 7); range !== null; range = take(0, 7))
          for (let i = 0; i < range.count; i++) computed[range.first + i]!++
        assert.ok(computed.every((times) => times === 1))
      }),
    )
  })

  test('regions are as large as their participants are fast, and are taken from the front', () => {
    const ranges = new Ranges(100, [3, 1])
    assert.deepEqual([ranges.own(0), ranges.own(1)], [75, 25])
    assert.deepEqual(ranges.take(1, 10), { first: 75, count: 10 })
    assert.deepEqual(ranges.take(0, 10), { first: 0, count: 10 })
    assert.deepEqual(ranges.take(1, 99), { first: 85, count: 15 })
  })

  test('who is done takes over the end of what would last longest, so that both are done at the same time', () => {
    const ranges = new Ranges(120, [1, 1, 2])
    ranges.take(0, 30)
    // 30 items at speed 1 last longer than 20 at speed 2.
    ranges.take(2, 40)
    assert.deepEqual(ranges.take(0, 100), { first: 45, count: 15 })
    assert.deepEqual([ranges.own(0), ranges.own(1), ranges.own(2)], [0, 15, 20])
    assert.deepEqual(ranges.take(0, 1), { first: 37, count: 1 })
  })
})
