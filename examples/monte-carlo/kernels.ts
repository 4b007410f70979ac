import { kernel } from 'rfaas/functions'

/** Points of one block; a block is one item of the loop. */
export const POINTS = 10_000

/** How many points of each block lie in the quarter circle. */
export const hits = kernel({ output: Uint32Array }, ({ output, first, count }) => {
  for (let i = 0; i < count; i++) output[i] = hitsOf(first + i)
})

/**
 * The points of a block depend on its number only, so the result is the same whoever computes it. Random numbers:
 * xorshift with 32 bits, Marsaglia, Journal of Statistical Software 8 (14), 2003.
 */
export function hitsOf(block: number): number {
  let state = Math.imul(block + 1, 0x9e3779b1) | 1
  let hits = 0
  for (let point = 0; point < POINTS; point++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const x = (state >>> 0) / 2 ** 32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const y = (state >>> 0) / 2 ** 32
    if (x * x + y * y < 1) hits++
  }
  return hits
}
