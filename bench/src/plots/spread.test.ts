import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { spread } from './spread.ts'

test('spread leaves alone what does not touch', () => {
  assert.deepEqual(spread([50, 10, 90], 16, 0, 100), [50, 10, 90])
})

test('spread moves two that touch by the same amount', () => {
  assert.deepEqual(spread([40, 44], 16, 0, 100), [34, 50])
})

test('spread keeps what hangs out within the bounds, and pushes the others before it', () => {
  assert.deepEqual(spread([0, 4, 98], 16, 0, 100), [0, 16, 98])
  assert.deepEqual(spread([2, 96, 100], 16, 0, 100), [2, 84, 100])
})

test('spread keeps the order, the distance and the bounds, whatever the positions', () => {
  const gap = 10
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 20 }), (positions) => {
      const moved = spread(positions, gap, 0, 200)
      const order = positions.map((_, index) => index).sort((a, b) => positions[a]! - positions[b]!)
      const sorted = order.map((index) => moved[index]!)
      for (const [at, position] of sorted.entries()) {
        assert.ok(position >= -1e-6 && position <= 200 + 1e-6, `${position}`)
        if (at > 0) assert.ok(position - sorted[at - 1]! >= gap - 1e-6, `${sorted.join()}`)
      }
    }),
  )
})
