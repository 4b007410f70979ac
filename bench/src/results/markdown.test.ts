import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format } from 'prettier'
import { markdownTable, replacePart } from './markdown.ts'

test('markdownTable pads as prettier does, so that the lint step has nothing to say', async () => {
  const table = markdownTable(
    ['a', 'measured', ''],
    ['left', 'right', 'left'],
    [
      ['`aLongName`', '0.52 µs', '**2 ×** of it'],
      ['b', '–', ''],
    ],
  )
  assert.equal(`${table}\n`, await format(table, { parser: 'markdown' }))
  assert.equal(table.split('\n').length, 4)
})

test('replacePart replaces what stands between its two marks, and nothing else', () => {
  const before = 'one\n\n<!-- measured: begin -->\n\nold\n\n<!-- measured: end -->\n\ntwo\n'
  const after = replacePart(before, 'measured', 'new')
  assert.equal(after, 'one\n\n<!-- measured: begin -->\n\nnew\n\n<!-- measured: end -->\n\ntwo\n')
  assert.equal(replacePart(after, 'measured', 'new'), after)
})

const begin = '<!-- measured: begin -->'
const end = '<!-- measured: end -->'
for (const document of [
  '',
  begin,
  end,
  `${end} ${begin}`,
  `${begin} ${end} ${begin} ${end}`,
  `${begin} ${end} ${end}`,
]) {
  test(`replacePart refuses a document with ${JSON.stringify(document)}`, () => {
    assert.throws(() => replacePart(document, 'measured', 'new'), /Cannot write the part measured/)
  })
}
