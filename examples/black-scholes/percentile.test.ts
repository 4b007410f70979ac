import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { percentile } from './percentile.ts'

test('percentile gives the nearest rank', () => {
  const hundred = (): Float64Array => Float64Array.from({ length: 100 }, (_, index) => 100 - index)
  assert.deepEqual(
    [0, 0.5, 0.99, 0.995, 1].map((at) => percentile(hundred(), at)),
    [1, 50, 99, 100, 100],
  )
  assert.ok(Number.isNaN(percentile(new Float64Array(0), 0.5)))
})

test('percentile is a value that at least that fraction does not exceed', () => {
  fc.assert(
    fc.property(
      fc.float64Array({ minLength: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, at) => {
        const found = percentile(values.slice(), at)
        assert.ok(values.includes(found))
        assert.ok(values.filter((value) => value <= found).length >= at * values.length)
      },
    ),
  )
})
