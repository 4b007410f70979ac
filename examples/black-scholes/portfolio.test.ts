import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OPTIONS_MAX, SEED_MAX, makePortfolio } from './portfolio.ts'
import { readRow } from './rows.ts'

const seeds = fc.integer({ min: 0, max: SEED_MAX })

test('makePortfolio gives pairs of a call and a put on the same terms, all of them fit to be priced', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 50 }), (seed, pairs) => {
      const { rows, count, references, paired } = makePortfolio(2 * pairs, seed)
      assert.deepEqual({ count, references, paired }, { count: 2 * pairs, references: null, paired: true })
      for (let index = 0; index < count; index += 2) {
        const call = readRow(rows, index)
        const { kind, ...terms } = readRow(rows, index + 1)
        assert.equal(kind, 'put')
        assert.deepEqual(call, { kind: 'call', ...terms })
        assert.ok(terms.spot >= 10 && terms.spot < 200 && terms.strike > 0)
        assert.ok(terms.volatility >= 0.05 && terms.years >= 0.05)
      }
    }),
  )
})

test('makePortfolio gives the same options for the same seed and others for another', () => {
  fc.assert(
    fc.property(seeds, seeds, (a, b) => {
      fc.pre(a !== b)
      assert.deepEqual(makePortfolio(8, a).rows, makePortfolio(8, a).rows)
      assert.notDeepEqual(makePortfolio(8, a).rows, makePortfolio(8, b).rows)
    }),
  )
})

test('makePortfolio spreads evenly over the range', () => {
  const { rows, count } = makePortfolio(40_000, 7)
  const quarters = [0, 0, 0, 0]
  for (let index = 0; index < count; index += 2) quarters[Math.floor((4 * (readRow(rows, index).spot - 10)) / 190)]!++
  // 5,000 in each is expected; 6 standard deviations are 370.
  assert.ok(
    quarters.every((n) => Math.abs(n - 5_000) < 370),
    quarters.join(' '),
  )
})

test('makePortfolio refuses what cannot be a portfolio', () => {
  for (const count of [0, 1, 3, -2, 2.5, NaN, OPTIONS_MAX + 2]) {
    assert.throws(() => makePortfolio(count, 1), { code: 'invalid_argument', message: /number of options/ })
  }
  for (const seed of [-1, 1.5, NaN, SEED_MAX + 1]) {
    assert.throws(() => makePortfolio(2, seed), { code: 'invalid_argument', message: /the seed is/ })
  }
})
