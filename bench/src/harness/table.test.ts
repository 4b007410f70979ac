import assert from 'node:assert/strict'
import { test } from 'node:test'
import { microseconds, table, threeDigits } from './table.ts'

test('table aligns the columns that are named to the left', () => {
  assert.equal(
    table(
      [
        ['a', '1', 'x'],
        ['bb', '22', 'yy'],
      ],
      [0, 2],
    ),
    'a    1  x\nbb  22  yy',
  )
})

test('table aligns the first column left and the others right', () => {
  assert.equal(
    table([
      ['', 'p50'],
      ['a long one', '1'],
      ['b', '12.5'],
    ]),
    '             p50\na long one     1\nb           12.5',
  )
})

test('microseconds keeps three digits that count', () => {
  assert.deepEqual([226, 6418, 41_300, 1_620_400].map(microseconds), ['0.226', '6.42', '41.3', '1,620'])
})

test('threeDigits keeps the sign, and all digits of a whole part', () => {
  assert.deepEqual([0, -0.31, 4.904, 1_806_517.84].map(threeDigits), ['0.000', '-0.310', '4.90', '1,806,518'])
})
