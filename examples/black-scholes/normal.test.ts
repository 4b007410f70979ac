import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cumulativeNormal } from './normal.ts'

/** From C's erfc. */
const KNOWN: [number, number][] = [
  [-6.5, 4.016000583859125e-11],
  [-3, 0.0013498980316300957],
  [-1.96, 0.024997895148220435],
  [-1, 0.15865525393145707],
  [-0.1, 0.460172162722971],
  [0, 0.5],
  [0.5, 0.6914624612740131],
  [1, 0.8413447460685429],
  [2.5758293035489004, 0.995],
]

test('cumulativeNormal agrees with known values', () => {
  for (const [x, expected] of KNOWN) {
    assert.ok(Math.abs(cumulativeNormal(x) - expected) < 1e-15, `at ${x}: ${cumulativeNormal(x)}, not ${expected}`)
  }
})

test('cumulativeNormal is accurate far in the tail, where its approximation changes', () => {
  for (const [x, expected] of [
    [-7.07, 7.746_684_865_636_529e-13],
    [-7.08, 7.207_723_086_467_529e-13],
    [-10, 7.619_853_024_160_593e-24],
    [-37, 5.725_571_222_525_139e-300],
  ] as const) {
    assert.ok(Math.abs(cumulativeNormal(x) / expected - 1) < 1e-7, `at ${x}: ${cumulativeNormal(x)}, not ${expected}`)
  }
})

test('cumulativeNormal ends in 0 and 1 and passes NaN on', () => {
  assert.equal(cumulativeNormal(-Infinity), 0)
  assert.equal(cumulativeNormal(Infinity), 1)
  assert.ok(Number.isNaN(cumulativeNormal(NaN)))
})

test('cumulativeNormal agrees with its power series', () => {
  fc.assert(
    fc.property(fc.double({ min: -3, max: 3, noNaN: true }), (x) => {
      assert.ok(Math.abs(cumulativeNormal(x) - powerSeries(x)) < 1e-13)
    }),
  )
})

test('cumulativeNormal is symmetric and never falls', () => {
  const anywhere = fc.double({ min: -40, max: 40, noNaN: true })
  fc.assert(
    fc.property(anywhere, anywhere, (a, b) => {
      assert.ok(Math.abs(cumulativeNormal(a) + cumulativeNormal(-a) - 1) < 1e-15)
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      assert.ok(cumulativeNormal(low) <= cumulativeNormal(high) + 1e-15)
    }),
  )
})

/** Φ(x) = 1/2 + φ(x)·(x + x³/3 + x⁵/(3·5) + …), an independent way that is exact enough near 0. */
function powerSeries(x: number): number {
  let term = x
  let sum = 0
  for (let odd = 1; Math.abs(term) > 1e-18; odd += 2) {
    sum += term
    term *= (x * x) / (odd + 2)
  }
  return 0.5 + (sum * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI)
}
