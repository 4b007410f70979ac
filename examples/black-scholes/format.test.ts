import assert from 'node:assert/strict'
import { test } from 'node:test'
import { microseconds, milliseconds, scientific, short, table, whole } from './format.ts'

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

test('whole, milliseconds, microseconds and scientific name their units', () => {
  assert.equal(whole(1_000_000.4), '1,000,000')
  assert.equal(milliseconds(231.44), '231 ms')
  assert.equal(microseconds(512.4), '0.512 µs')
  assert.deepEqual([0, 3.5527e-14, 1e-9, 0.000271].map(scientific), ['0', '3.55e-14', '1e-9', '2.71e-4'])
})

test('table aligns columns, also of coloured cells and of rows that are short', () => {
  assert.equal(
    table([['name', 'one', 'two'], ['\u001b[1mµ\u001b[22m', 'x'], [], ['longer', '\u001b[36mxyz\u001b[39m', 'end']]),
    'name    one  two\n\u001b[1mµ\u001b[22m       x\n\nlonger  \u001b[36mxyz\u001b[39m  end\n',
  )
})
