import assert from 'node:assert/strict'
import { test } from 'node:test'
import { price } from './pricing.ts'

test('price agrees with the American puts of Longstaff and Schwartz (2001), table 1', () => {
  for (const [spot, volatility, years, expected] of [
    [36, 0.2, 1, 4.478],
    [36, 0.4, 2, 8.508],
    [40, 0.2, 1, 2.314],
    [44, 0.4, 1, 3.948],
  ] as const) {
    const found = price({ spot, strike: 40, rate: 0.06, volatility, years })
    // Their options may be exercised 50 times a year and not at any time, and so are worth a little less.
    assert.ok(Math.abs(found - expected) < 0.012, `S ${spot}, σ ${volatility}, T ${years}: ${found}, not ${expected}`)
  }
})
