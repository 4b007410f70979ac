import { kernel } from 'rfaas/functions'

/** A system of linear equations, matrix × x = right. Each worker has it once, and keeps it over all sweeps. */
let matrix: Float64Array = new Float64Array(0)
let right: Float64Array = new Float64Array(0)

export function load(newMatrix: Float64Array, newRight: Float64Array): void {
  matrix = newMatrix
  right = newRight
}

/** One item is one row: the next approximation of its unknown, from all of the last one. */
export const sweep = kernel({ output: Float64Array, common: Float64Array }, ({ output, common, first, count }) => {
  sweepRows(matrix, right, common, output, first, count)
})

/** Jacobi's method: each unknown is what its equation says when all others stay as they are in `x`. */
export function sweepRows(
  matrix: Float64Array,
  right: Float64Array,
  x: Float64Array,
  next: Float64Array,
  first: number,
  count: number,
): void {
  const size = x.length
  for (let i = 0; i < count; i++) {
    const row = first + i
    const at = row * size
    // Four sums, so that an addition need not wait for the one before.
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let column = 0; column < size; column += 4) {
      s0 += matrix[at + column]! * x[column]!
      s1 += matrix[at + column + 1]! * x[column + 1]!
      s2 += matrix[at + column + 2]! * x[column + 2]!
      s3 += matrix[at + column + 3]! * x[column + 3]!
    }
    const diagonal = matrix[at + row]!
    next[i] = (right[row]! - (s0 + s1 + s2 + s3 - diagonal * x[row]!)) / diagonal
  }
}
