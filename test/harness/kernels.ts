/** Kernels for the tests of parallel loops. */
import { kernel } from 'rfaas/functions'

/** The root of each number, computed so often that an item takes about a microsecond. */
export const root = kernel({ input: Float64Array, output: Float64Array }, ({ input, output }) => {
  for (let i = 0; i < input.length; i++) {
    let value = input[i]!
    for (let times = 0; times < 100; times++) value = Math.sqrt(value * value)
    output[i] = Math.sqrt(value)
  }
})

/** Of each pair: where it is in the loop, its sum, and the sum with all common numbers. */
export const sums = kernel(
  { input: Float32Array, output: Float64Array, common: Int32Array },
  ({ input, output, common, first, count }) => {
    const extra = common.reduce((a, b) => a + b, 0)
    for (let i = 0; i < count; i++) {
      const sum = input[2 * i]! + input[2 * i + 1]!
      output.set([first + i, sum, sum + extra], 3 * i)
    }
  },
)

/** The number of each item, in three bytes. */
export const numbers = kernel({ output: Uint8Array }, ({ output, first, count }) => {
  for (let i = 0; i < count; i++) for (let byte = 0; byte < 3; byte++) output[3 * i + byte] = (first + i) >> (8 * byte)
})

/** Throws when it comes to the item 1,000. */
export const fussy = kernel({ input: Uint8Array, output: Uint8Array }, ({ output, first, count }) => {
  output.fill(0)
  if (first <= 1_000 && first + count > 1_000) throw new RangeError('not that one')
})

export function plain(x: number): number {
  return x
}
