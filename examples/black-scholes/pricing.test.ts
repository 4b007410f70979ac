import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isRaw } from 'rfaas/functions'
import { makePortfolio } from './portfolio.ts'
import { noop, price, priceRows } from './pricing.ts'
import { PRICE_BYTES, ROW_BYTES, readRow, writeRow, type Option } from './rows.ts'

/** Computed with C's erfc; the first two are Hull's example, 4.76 and 0.81. */
const KNOWN: [Option, number][] = [
  [option('call', 42, 40, 0.1, 0, 0.2, 0.5), 4.759422392871535],
  [option('put', 42, 40, 0.1, 0, 0.2, 0.5), 0.8085993729000958],
  [option('call', 100, 100, 0.05, 0, 0.2, 1), 10.450583572185565],
  [option('put', 100, 100, 0.05, 0, 0.2, 1), 5.573526022256971],
  [option('call', 100, 95, 0.06, 0.03, 0.25, 2), 18.08608380366133],
  [option('put', 100, 95, 0.06, 0.03, 0.25, 2), 8.16707193336643],
  [option('call', 930, 900, 0.08, 0.03, 0.2, 2 / 12), 51.83295679649086],
]

const options: fc.Arbitrary<Option> = fc.record(
  {
    kind: fc.constantFrom('call' as const, 'put' as const),
    spot: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
    strike: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
    rate: fc.double({ min: -0.05, max: 0.3, noNaN: true }),
    dividendRate: fc.double({ min: 0, max: 0.2, noNaN: true }),
    volatility: fc.double({ min: 0.01, max: 2, noNaN: true }),
    years: fc.double({ min: 0.01, max: 30, noNaN: true }),
  },
  { noNullPrototype: true },
)

test('price agrees with known values', () => {
  for (const [known, expected] of KNOWN) {
    assert.ok(Math.abs(price(known) - expected) < 1e-12, `${JSON.stringify(known)}: ${price(known)}, not ${expected}`)
  }
})

test('price stays between what no arbitrage allows', () => {
  fc.assert(
    fc.property(options, (o) => {
      const spotToday = o.spot * Math.exp(-o.dividendRate * o.years)
      const strikeToday = o.strike * Math.exp(-o.rate * o.years)
      const exercised = o.kind === 'call' ? spotToday - strikeToday : strikeToday - spotToday
      const most = o.kind === 'call' ? spotToday : strikeToday
      const rounding = 1e-12 * (spotToday + strikeToday)
      assert.ok(price(o) >= Math.max(0, exercised) - rounding && price(o) <= most + rounding, String(price(o)))
    }),
  )
})

test('priceRows gives what price gives, row by row', () => {
  fc.assert(
    fc.property(fc.array(options, { maxLength: 20 }), (many) => {
      const rows = new Float64Array((many.length * ROW_BYTES) / 8)
      many.forEach((one, index) => writeRow(rows, index, one))
      assert.deepEqual(
        many.map((_, index) => readRow(rows, index)),
        many,
      )
      const prices = new Float64Array(many.length)
      const written = priceRows(new Uint8Array(rows.buffer), new Uint8Array(prices.buffer))
      assert.equal(written, many.length * PRICE_BYTES)
      assert.deepEqual([...prices], many.map(price))
    }),
  )
})

test('priceRows works in the middle of a larger buffer and touches nothing around its result', () => {
  const { rows, count } = makePortfolio(10, 1)
  const input = new Uint8Array(64 + rows.byteLength)
  input.set(new Uint8Array(rows.buffer), 64)
  const output = new Uint8Array(64 + count * PRICE_BYTES + 64).fill(0xaa)
  assert.equal(priceRows(input.subarray(64), output.subarray(64)), count * PRICE_BYTES)
  assert.deepEqual(
    [...new Float64Array(output.buffer, 64, count)],
    Array.from({ length: count }, (_, i) => price(readRow(rows, i))),
  )
  assert.ok(output.subarray(0, 64).every((byte) => byte === 0xaa))
  assert.ok(output.subarray(64 + count * PRICE_BYTES).every((byte) => byte === 0xaa))
})

test('priceRows refuses half a row and a result that does not fit', () => {
  assert.throws(() => priceRows(new Uint8Array(ROW_BYTES + 1), new Uint8Array(64)), /57 bytes are not a whole number/)
  assert.throws(() => priceRows(new Uint8Array(2 * ROW_BYTES), new Uint8Array(15)), /2 prices do not fit into 15 bytes/)
})

test('priceRows and noop are raw, price is not', () => {
  assert.deepEqual([priceRows, noop, price].map(isRaw), [true, true, false])
})

test('noop gives back its input', () => {
  const output = new Uint8Array(8)
  assert.equal(noop(Uint8Array.of(1, 2, 3), output), 3)
  assert.deepEqual([...output], [1, 2, 3, 0, 0, 0, 0, 0])
})

function option(
  kind: Option['kind'],
  spot: number,
  strike: number,
  rate: number,
  dividendRate: number,
  volatility: number,
  years: number,
): Option {
  return { kind, spot, strike, rate, dividendRate, volatility, years }
}
