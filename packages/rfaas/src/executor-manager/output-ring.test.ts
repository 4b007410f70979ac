import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { OutputRing } from './output-ring.ts'

describe('OutputRing', () => {
  it('gives the last lines that say something', () => {
    const ring = new OutputRing(100)
    assert.equal(ring.lastLines(3), '')
    ring.push(Buffer.from('one\ntwo\r\n\n  three'))
    ring.push(Buffer.from(' and a half\nfour\n'))
    assert.equal(ring.lastLines(3), 'two\n  three and a half\nfour')
  })

  it('forgets what was said before it was cleared', () => {
    const ring = new OutputRing(8)
    ring.push(Buffer.from('one\ntwo\nthree\n'))
    ring.clear()
    assert.equal(ring.lastLines(5), '')
    ring.push(Buffer.from('new\n'))
    assert.equal(ring.lastLines(5), 'new')
  })

  it('leaves out a line whose beginning was overwritten, unless it is all there is', () => {
    const ring = new OutputRing(8)
    ring.push(Buffer.from('abcdefg\nhij\n'))
    assert.equal(ring.lastLines(5), 'hij')
    ring.push(Buffer.from('0123456789'))
    assert.equal(ring.lastLines(5), '23456789')
  })

  it('holds the same as the end of all that was said', () => {
    const chunks = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 25 }))
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 20 }), (said, size) => {
        const ring = new OutputRing(size)
        for (const chunk of said) ring.push(Buffer.from(chunk))
        const all = said.join('')
        const lines = all.slice(-size).split('\n')
        if (all.length > size && lines.length > 1) lines.shift()
        assert.equal(ring.lastLines(100), lines.filter((line) => line !== '').join('\n'))
      }),
    )
  })
})
