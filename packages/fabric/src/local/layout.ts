import { pageAligned } from '../geometry.ts'
import type { Geometry } from '../fabric.ts'

/**
 * One segment of shared memory per connection, seen from the connecting side (side 0):
 *
 *     line of side 0 | line of side 1 | ring 0→1 | ring 1→0 | … page … | window 0→1 | … page … | window 1→0 |
 *     … page … | spare room 0→1 | spare room 1→0
 *
 * A line is two cache lines: SLEEP alone in the first (native/channel.c has the same word), CONSUMED alone in the
 * second.
 *
 * A ring has one cell per immediate in flight, and at least one more. The first word of a cell is the immediate,
 * shifted left, and a phase bit that flips with every lap, as in the completion queues of network cards: the reader
 * tells a new word from an old one without ever writing to the ring. The words of a message follow, so a message
 * without a payload moves one cache line. A cell is two cache lines long but uses one: processors fetch lines in pairs,
 * so polling one half of a pair would pull along the half that is being written (0.16 against 0.13 µs there and back).
 * The writer reads the reader's CONSUMED only when the cells that it knew to be free are used up.
 */
export const LINE_WORDS = 32
export const CELL_WORDS = 32
export const SLEEP = 0
export const CONSUMED = 16

/** Values of SLEEP. */
export const AWAKE = 0
export const BLOCKED = 1
export const ON_LOOP = 2

/** The flags of a channel, in memory of this process that no peer can write (native/channel.c has the same words). */
export const LOST = 0
export const INTERRUPTED = 1
export const FLAG_WORDS = 2

export type Side = 0 | 1

export interface Layout {
  controlBytes: number
  /**
   * Cells of each ring: a power of two, more than `depth`. So a writer that has `depth` immediates in flight cannot
   * reach the cell that is being polled, even where the reader's load of a word may pass its store of CONSUMED.
   */
  cells: number
  /** Index of the first word of each side's line, and of the ring that each side writes. */
  lineWord: [number, number]
  ringWord: [number, number]
  /** Where the window that each side writes begins, and how long it is. */
  windowOffset: [number, number]
  windowBytes: [number, number]
  /** Where the spare room behind each of these windows begins. */
  spareOffset: [number, number]
  spareBytes: number
  totalBytes: number
}

/** The layout for a geometry as `side` sees it. Both sides compute the same layout. */
export function layoutOf(geometry: Geometry, side: Side): Layout {
  const cells = 2 ** Math.ceil(Math.log2(geometry.depth + 1))
  const ringWords = cells * CELL_WORDS
  const windowBytes: [number, number] =
    side === 0 ? [geometry.outboundBytes, geometry.inboundBytes] : [geometry.inboundBytes, geometry.outboundBytes]
  const controlBytes = pageAligned((2 * LINE_WORDS + 2 * ringWords) * 4)
  const second = controlBytes + pageAligned(windowBytes[0])
  const spare = second + pageAligned(windowBytes[1])
  const { spareBytes = 0 } = geometry
  return {
    controlBytes,
    cells,
    lineWord: [0, LINE_WORDS],
    ringWord: [2 * LINE_WORDS, 2 * LINE_WORDS + ringWords],
    windowOffset: [controlBytes, second],
    windowBytes,
    spareOffset: [spare, spare + spareBytes],
    spareBytes,
    totalBytes: spare + 2 * spareBytes,
  }
}
