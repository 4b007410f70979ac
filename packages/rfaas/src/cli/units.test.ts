import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { formatBytes, formatNs, threeDigits } from './units.ts'

test('formatBytes takes the largest unit that leaves a number from 1', () => {
  const written = { 0: '0 B', 1023: '1023 B', 1024: '1 KiB', 536870912: '512 MiB', 1610612736: '1.5 GiB' }
  for (const [bytes, text] of Object.entries(written)) assert.equal(formatBytes(Number(bytes)), text)
  assert.equal(formatBytes(5000 * 2 ** 40), '5000 TiB')
})

test('formatNs takes the largest unit that leaves a number from 1', () => {
  const written = { 0: '0 ns', 850: '850 ns', 1423: '1.42 µs', 3.5e9: '3.5 s', 90e9: '1.5 min', 7200e9: '2 h' }
  for (const [ns, text] of Object.entries(written)) assert.equal(formatNs(Number(ns)), text)
})

test('threeDigits keeps the whole part', () => {
  const written = { 0.12345: '0.123', 12.345: '12.3', 1234.5: '1235', 0.00001234: '0.0000123' }
  for (const [value, text] of Object.entries(written)) assert.equal(threeDigits(Number(value)), text)
})
