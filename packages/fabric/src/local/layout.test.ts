import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import type { Geometry } from '../fabric.ts'
import { DEPTH_MAX, mirrored, WINDOW_BYTES_MAX } from '../geometry.ts'
import { MESSAGE_WORDS } from '../fabric.ts'
import { CELL_WORDS, CONSUMED, layoutOf, LINE_WORDS, SLEEP, type Layout } from './layout.ts'

const PAGE_BYTES = 4096
const CACHE_LINE_WORDS = 16

const geometries = fc.record<Geometry>({
  outboundBytes: fc.integer({ min: 1, max: WINDOW_BYTES_MAX }),
  inboundBytes: fc.integer({ min: 1, max: WINDOW_BYTES_MAX }),
  depth: fc.integer({ min: 1, max: DEPTH_MAX }),
})

/** Everything in the segment, as [begin, end) in bytes. */
function partsOf(layout: Layout): [number, number][] {
  const words = (first: number, count: number): [number, number] => [first * 4, (first + count) * 4]
  return [
    ...layout.lineWord.map((word) => words(word, LINE_WORDS)),
    ...layout.ringWord.map((word) => words(word, layout.cells * CELL_WORDS)),
    ...layout.windowOffset.map((offset, side): [number, number] => [offset, offset + layout.windowBytes[side]!]),
  ].sort(([a], [b]) => a - b)
}

describe('layoutOf', () => {
  it('both sides come to the same layout', () => {
    fc.assert(
      fc.property(geometries, (geometry) => {
        assert.deepEqual(layoutOf(geometry, 0), layoutOf(mirrored(geometry), 1))
      }),
    )
  })

  it('nothing overlaps, and everything lies in the segment', () => {
    fc.assert(
      fc.property(geometries, fc.constantFrom(0, 1), (geometry, side) => {
        const layout = layoutOf(geometry, side)
        let end = 0
        for (const [begin, next] of partsOf(layout)) {
          assert.ok(begin >= end, `${begin} begins before ${end}`)
          end = next
        }
        assert.ok(end <= layout.totalBytes)
        assert.ok((layout.ringWord[1] + layout.cells * CELL_WORDS) * 4 <= layout.controlBytes)
      }),
    )
  })

  it('each side has the windows that it asked for', () => {
    fc.assert(
      fc.property(geometries, fc.constantFrom(0, 1), (geometry, side) => {
        const { windowBytes } = layoutOf(geometry, side)
        assert.equal(windowBytes[side], geometry.outboundBytes)
        assert.equal(windowBytes[1 - side], geometry.inboundBytes)
      }),
    )
  })

  it('rings are powers of two that hold more than depth; windows begin on pages, rings on pairs of cache lines', () => {
    fc.assert(
      fc.property(geometries, (geometry) => {
        const { cells, controlBytes, ringWord, windowOffset } = layoutOf(geometry, 0)
        assert.equal(cells & (cells - 1), 0)
        assert.ok(cells > geometry.depth && cells <= 2 * geometry.depth)
        for (const offset of [controlBytes, ...windowOffset]) assert.equal(offset % PAGE_BYTES, 0)
        for (const word of ringWord) assert.equal(word % (2 * CACHE_LINE_WORDS), 0)
      }),
    )
  })

  it('an immediate and the words of its message share one cache line', () => {
    assert.ok(1 + MESSAGE_WORDS <= CACHE_LINE_WORDS)
    assert.equal(CELL_WORDS % CACHE_LINE_WORDS, 0)
  })

  it('what one side writes often and the other reads has a cache line of its own', () => {
    assert.ok(SLEEP < CACHE_LINE_WORDS)
    assert.ok(CONSUMED >= CACHE_LINE_WORDS && CONSUMED < LINE_WORDS)
  })
})
