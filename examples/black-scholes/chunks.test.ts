import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chunksOf } from './chunks.ts'

test('a chunk takes half a millisecond, and no more than fits the cache of a core', () => {
  assert.equal(chunksOf(1e7, 2, 0.001).options, 500)
  assert.equal(chunksOf(1e7, 2, 0.000_01).options, 8_192)
})

test('each worker gets at least eight chunks of any portfolio that has so many options', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_024, max: 20_000_000 }),
      fc.integer({ min: 1, max: 64 }),
      fc.double({ min: 1e-6, max: 1, noNaN: true }),
      (count, workers, msPerOption) => {
        const { options } = chunksOf(count, workers, msPerOption)
        assert.ok(Number.isInteger(options) && options >= 1)
        assert.ok((options - 1) * workers * 8 < count)
      },
    ),
  )
})

test('a portfolio is worth sharing out where chunks take a tenth of a millisecond', () => {
  const { worthwhileOptions } = chunksOf(1_000, 2, 0.0001)
  assert.equal(worthwhileOptions, 16_000)
})
