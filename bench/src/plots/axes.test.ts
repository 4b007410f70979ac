import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesAxis, countAxis, describeBytes, describeCount, describeNs, rateAxis, timeAxis } from './axes.ts'

test('timeAxis has a tick at each power of ten around the values', () => {
  const { domain, ticks, format } = timeAxis([226, 45_000])
  assert.deepEqual(domain, [100, 100_000])
  assert.deepEqual(ticks.map(format), ['0.1 µs', '1 µs', '10 µs', '100 µs'])
})

test('timeAxis of one power of ten still has a height', () => {
  assert.deepEqual(timeAxis([1000]).domain, [1000, 10_000])
})

test('rateAxis counts in millions where there are some', () => {
  const { ticks, format } = rateAxis([60_000, 1_900_000])
  assert.deepEqual(ticks.map(format), ['10,000', '100,000', '1 million', '10 million'])
})

test('bytesAxis names the payloads that people know, between the smallest and the largest', () => {
  const { domain, ticks, format } = bytesAxis([1, 64, 2 ** 26])
  assert.deepEqual(domain, [1, 2 ** 26])
  assert.deepEqual(ticks.map(format), ['1 B', '64 B', '4 KiB', '256 KiB', '5 MiB', '64 MiB'])
  assert.deepEqual(bytesAxis([64, 4096]).ticks, [64, 4096])
})

test('countAxis has a tick at each count, once', () => {
  assert.deepEqual(countAxis('under way', [8, 1, 8, 256]).ticks, [1, 8, 256])
})

test('quantities are named with their unit', () => {
  assert.deepEqual([42, 226, 8210, 1.5e6, 2e9].map(describeNs), ['42 ns', '0.23 µs', '8.2 µs', '1.5 ms', '2 s'])
  assert.deepEqual([999, 1024, 5 * 2 ** 20].map(describeBytes), ['999 B', '1 KiB', '5 MiB'])
  assert.deepEqual([12, 67_600, 1_230_000].map(describeCount), ['12', '67,600', '1.2 million'])
})
