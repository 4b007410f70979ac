import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { OUTPUT_LINE_CHARS_MAX, OUTPUT_WINDOW_BYTES_MAX, OUTPUT_WINDOW_MS } from './limits.ts'
import { OutputLines } from './output-lines.ts'

describe('OutputLines', () => {
  const lines: string[] = []
  let nowMs = 0
  const make = (): OutputLines => {
    lines.length = 0
    nowMs = 0
    return new OutputLines(
      (line) => lines.push(line),
      () => nowMs,
    )
  }

  it('joins what chunks have cut, also within a character', () => {
    const output = make()
    const bytes = Buffer.from('é\n\nlast')
    for (const byte of bytes) output.push(Buffer.of(byte))
    assert.deepEqual(lines, ['é', ''])
    output.flush()
    output.flush()
    assert.deepEqual(lines, ['é', '', 'last'])
  })

  it('cuts long lines, whether they end or not', () => {
    const output = make()
    output.push(Buffer.from('x'.repeat(OUTPUT_LINE_CHARS_MAX + 1)))
    output.push(Buffer.from(`\n${'y'.repeat(2 * OUTPUT_LINE_CHARS_MAX)}\n`))
    assert.deepEqual(
      lines.map((line) => line.length),
      [OUTPUT_LINE_CHARS_MAX, 1, OUTPUT_LINE_CHARS_MAX, OUTPUT_LINE_CHARS_MAX],
    )
  })

  it('leaves out what is too much for a time, says so, and goes on after it', () => {
    const output = make()
    output.push(Buffer.from('\n'.repeat(OUTPUT_WINDOW_BYTES_MAX)))
    lines.length = 0
    output.push(Buffer.from('too much\n'))
    assert.deepEqual(lines, [])
    nowMs = OUTPUT_WINDOW_MS
    output.push(Buffer.from('again\n'))
    assert.deepEqual(lines, ['[9 bytes of output were left out]', 'again'])
  })
})
