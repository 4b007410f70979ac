import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curve, CURVE_PERCENTILES, distribution, histogramOf, merge } from './histogram.ts'

test('distribution gives the percentiles of what was recorded, to the nanosecond below 2 µs', () => {
  const oneToThousand = Array.from({ length: 1000 }, (_, index) => index + 1)
  assert.deepEqual(distribution(histogramOf(oneToThousand)), {
    count: 1000,
    minNs: 1,
    p50Ns: 500,
    p90Ns: 900,
    p99Ns: 990,
    p999Ns: 999,
    maxNs: 1000,
  })
})

test('distribution keeps three digits of what is slow', () => {
  const { p50Ns, maxNs } = distribution(histogramOf([4_000_000_000]))
  assert.ok(Math.abs(p50Ns / 4e9 - 1) < 0.001, `${p50Ns}`)
  assert.ok(Math.abs(maxNs / 4e9 - 1) < 0.001, `${maxNs}`)
})

test('merge weighs every sample of every round alike', () => {
  const merged = distribution(merge([histogramOf([100, 100, 100]), histogramOf([900])]))
  assert.equal(merged.count, 4)
  assert.equal(merged.p50Ns, 100)
  assert.equal(merged.maxNs, 900)
})

test('distribution of nothing is all zero', () => {
  const { count, minNs, p50Ns, maxNs } = distribution(histogramOf([]))
  assert.deepEqual([count, minNs, p50Ns, maxNs], [0, 0, 0, 0])
})

test('curve gives one value for each of its percentiles, and meets the distribution', () => {
  const histogram = histogramOf(Array.from({ length: 1000 }, (_, index) => index + 1))
  const ns = curve(histogram)
  assert.equal(ns.length, CURVE_PERCENTILES.length)
  assert.equal(ns[CURVE_PERCENTILES.indexOf(99)], distribution(histogram).p99Ns)
  assert.deepEqual(
    ns,
    ns.toSorted((a, b) => a - b),
  )
})
