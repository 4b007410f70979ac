import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Cost } from './cost.ts'

describe('the cost of an item', () => {
  test('is not known before the first measurement, and follows the latest ones', () => {
    const cost = new Cost()
    assert.equal(cost.average, 0)
    cost.add(10, 5)
    assert.equal(cost.average, 2)
    for (let times = 0; times < 30; times++) cost.add(5, 5)
    assert.ok(Math.abs(cost.average - 1) < 0.001)
  })

  test('one item that took long counts little beside many', () => {
    const cost = new Cost()
    cost.add(8, 1)
    cost.add(10, 1000)
    assert.ok(cost.average < 0.02)
  })

  test('a time in which the thread did not run counts as a few times the average', () => {
    const cost = new Cost()
    cost.add(100, 100)
    cost.add(100_000, 100)
    assert.ok(cost.average < 4)
  })
})
