/**
 * How a piece of a parallel loop lies in the slot of its invocation. Numbers are float64 in the byte order of the
 * machine. `common`, the items and the result each begin at a multiple of 64 bytes.
 *
 *     input                             output
 *     0    first item of the piece      0    result of the piece
 *     8    number of items              …    after it, at a multiple of 8: milliseconds that the kernel took
 *     16   elements of `common`
 *     24   elements of an item
 *     32   elements of a result
 *     64   `common`, then the items
 */
export const PIECE_HEAD_BYTES = 64
export const HEAD_FIRST = 0
export const HEAD_COUNT = 1
export const HEAD_COMMON = 2
export const HEAD_INPUT_PER_ITEM = 3
export const HEAD_OUTPUT_PER_ITEM = 4

/** Bytes that the time takes, after the result. */
export const TOOK_BYTES = 8

/** Where the items begin. */
export function itemsAt(commonBytes: number): number {
  return PIECE_HEAD_BYTES + Math.ceil(commonBytes / 64) * 64
}

/** Where the time lies. */
export function tookAt(resultBytes: number): number {
  return Math.ceil(resultBytes / TOOK_BYTES) * TOOK_BYTES
}

/** The most items whose input and result fit into a slot of `slotBytes` each way; 0 when not even one fits. */
export function itemsThatFit(
  slotBytes: number,
  commonBytes: number,
  inputBytesPerItem: number,
  outputBytesPerItem: number,
): number {
  const byInput = (slotBytes - itemsAt(commonBytes)) / inputBytesPerItem
  const byOutput = (slotBytes - 2 * TOOK_BYTES + 1) / outputBytesPerItem
  return Math.max(0, Math.floor(Math.min(byInput, byOutput)))
}
