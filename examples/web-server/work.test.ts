import assert from 'node:assert/strict'
import { test } from 'node:test'
import { price } from './work.ts'

test('price of an option without a strike is the discounted average of what the share is expected to cost', () => {
  const months = Array.from({ length: 12 }, (_, i) => 100 * Math.exp((0.05 * (i + 1)) / 12))
  const expected = (Math.exp(-0.05) * months.reduce((a, b) => a + b)) / 12
  const found = price({ strike: 0, paths: 20_000, seed: 7 })
  assert.ok(Math.abs(found.price - expected) < 5 * found.standardError, `${found.price}, not ${expected}`)
  assert.ok(found.standardError < 0.1)
})

test('price is the same again, another one with another seed, and lower with a higher strike', () => {
  const option = { strike: 100, paths: 500, seed: 1 }
  assert.deepEqual(price(option), price(option))
  assert.notEqual(price({ ...option, seed: 2 }).price, price(option).price)
  assert.ok(price({ ...option, strike: 110 }).price < price(option).price)
})
