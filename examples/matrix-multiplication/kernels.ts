import { kernel } from 'rfaas/functions'

/** The right matrix, which each worker has once. */
let right: Float64Array = new Float64Array(0)

export function load(matrix: Float64Array): void {
  right = matrix
}

/** Rows of the left matrix in, the same rows of the product out. */
export const multiply = kernel({ input: Float64Array, output: Float64Array }, ({ input, output, count }) => {
  multiplyRows(input, right, output, count)
})

/**
 * `product = rows × right`. Goes over four rows of `right` at a time, so that each element of the product is read and
 * written a fourth as often.
 *
 * @param right a square matrix whose size is a multiple of 4
 */
export function multiplyRows(rows: Float64Array, right: Float64Array, product: Float64Array, count: number): void {
  const size = rows.length / count
  for (let row = 0; row < count; row++) {
    const at = row * size
    for (let column = 0; column < size; column++) product[at + column] = 0
    for (let k = 0; k < size; k += 4) {
      const a0 = rows[at + k]!
      const a1 = rows[at + k + 1]!
      const a2 = rows[at + k + 2]!
      const a3 = rows[at + k + 3]!
      const r0 = k * size
      const r1 = r0 + size
      const r2 = r1 + size
      const r3 = r2 + size
      for (let column = 0; column < size; column++) {
        product[at + column]! +=
          a0 * right[r0 + column]! + a1 * right[r1 + column]! + a2 * right[r2 + column]! + a3 * right[r3 + column]!
      }
    }
  }
}
