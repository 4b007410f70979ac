import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration, scientific, short, table, whole } from './format.ts'

test('short keeps three significant digits', () => {
  assert.deepEqual([0, 0.51249, 8.1, 231.4, 1234.5, 15_860_000].map(short), [
    '0',
    '0.512',
    '8.1',
    '231',
    '1,230',
    '15,900,000',
  ])
})

test('duration changes its unit at a millisecond', () => {
  assert.deepEqual([0, 512.4, 8_530, 999_000, 1e6, 231.44e6, 1.5e9].map(duration), [
    '0 µs',
    '0.512 µs',
    '8.53 µs',
    '999 µs',
    '1 ms',
    '231 ms',
    '1,500 ms',
  ])
})

test('whole and scientific keep what matters', () => {
  assert.equal(whole(1_000_000.4), '1,000,000')
  assert.deepEqual([0, 3.5527e-14, 1e-9, 0.000271].map(scientific), ['0', '3.55e-14', '1e-9', '2.71e-4'])
})

test('table aligns columns, also of coloured cells and of rows that are short', () => {
  assert.equal(
    table([['name', 'one', 'two'], ['\u001b[1mµ\u001b[22m', 'x'], [], ['longer', '\u001b[36mxyz\u001b[39m', 'end']]),
    'name    one  two\n\u001b[1mµ\u001b[22m       x\n\nlonger  \u001b[36mxyz\u001b[39m  end\n',
  )
})
