import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { table } from './table.ts'

test('table aligns columns by their widest cell and leaves no space at the ends of lines', () => {
  const text = table(
    [{ title: 'NODE' }, { title: 'CORES', align: 'right' }, { title: 'STATE' }],
    [
      ['a', '2/16', 'ready'],
      ['longer-name', '0/8', ''],
    ],
  )
  assert.equal(text, ['NODE         CORES  STATE', 'a             2/16  ready', 'longer-name    0/8', ''].join('\n'))
})

test('table gives colours no width', () => {
  const text = table([{ title: 'A' }, { title: 'B' }], [['\u001b[31mred\u001b[39m', 'x']])
  assert.equal(text, 'A    B\n\u001b[31mred\u001b[39m  x\n')
})

test('table of no rows is its titles', () => {
  assert.equal(table([{ title: 'A' }, { title: 'B' }], []), 'A  B\n')
})
