import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { priceAll } from './black-scholes.ts'
import { assertPassed, checkPrices } from './checks.ts'
import { readParsecLines } from './parsec-file.ts'
import { makePortfolio } from './portfolio.ts'
import type { Portfolio } from './rows.ts'

function pricesOf(portfolio: Portfolio): Float64Array {
  const prices = new Float64Array(portfolio.count)
  priceAll(portfolio.rows, prices)
  return prices
}

test('checkPrices passes right prices, and finds no difference from a local run', () => {
  const portfolio = makePortfolio(1_000, 3)
  const checks = checkPrices(portfolio, pricesOf(portfolio), pricesOf(portfolio))
  assert.deepEqual(
    checks.map((check) => [check.against, check.compared, check.passed]),
    [
      ['a local run', 1_000, true],
      ['put–call parity', 1_000, true],
    ],
  )
  assert.equal(checks[0]!.deviationMax, 0)
  assert.equal(checks[0]!.deviationAt, -1)
  assertPassed(checks, portfolio, pricesOf(portfolio))
})

test('checkPrices finds any one price that is off, by either check', () => {
  const portfolio = makePortfolio(200, 4)
  fc.assert(
    fc.property(
      fc.nat(199),
      fc.oneof(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.constantFrom(NaN, Infinity)),
      (at, wrongBy) => {
        const prices = pricesOf(portfolio)
        prices[at]! += wrongBy
        const [local, parity] = checkPrices(portfolio, prices, pricesOf(portfolio))
        assert.deepEqual([local!.passed, local!.deviationAt], [false, at])
        assert.deepEqual([parity!.passed, parity!.deviationAt], [false, at - (at % 2)])
        assert.ok(local!.deviationMax >= 0.99e-6 && !Number.isNaN(local!.deviationMax))
        assert.throws(() => assertPassed([local!], portfolio, prices), {
          code: 'internal',
          message: new RegExp(`option ${at + 1} \\(${at % 2 === 0 ? 'call' : 'put'}, S .* away from a local run`),
        })
      },
    ),
  )
})

test('checkPrices holds prices against the reference column with the tolerance of PARSEC', async () => {
  const record = (reference: number): string => `42.00 40.00 0.1000 0.00 0.20 0.50 C 0.00 ${reference}`
  for (const [reference, passed] of [
    [4.75942303685175, true],
    [4.75942239 + 0.99e-4, true],
    [4.75942239 + 1.01e-4, false],
  ] as const) {
    const portfolio = await readParsecLines(['1', record(reference)], 'f')
    const checks = checkPrices(portfolio, pricesOf(portfolio), pricesOf(portfolio))
    assert.deepEqual(
      checks.map((check) => [check.against, check.passed]),
      [
        ['a local run', true],
        ['the reference column', passed],
      ],
    )
  }
})
