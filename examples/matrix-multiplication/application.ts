import { ParallelLoop, RfaasError, type Lease } from 'rfaas'
import type { Application, Run } from '../compare/application.ts'
import * as kernels from './kernels.ts'

/** Rows that are checked number by number; the others by the sum of the product, see `check`. */
const CHECKED_ROWS = 4

/** C = A × B: the workers have B; rows of A travel to them, and rows of C back. */
export class MatrixMultiplication implements Application<typeof kernels> {
  readonly functions: URL = new URL('./kernels.ts', import.meta.url)
  readonly title: string
  readonly #size: number
  readonly #left: Float64Array
  readonly #right: Float64Array
  readonly #product: Float64Array

  /** @param size rows and columns of each matrix, a multiple of 4 */
  constructor(size: number) {
    if (!Number.isInteger(size) || size < 4 || size % 4 !== 0)
      throw new RfaasError('invalid_argument', `Cannot multiply: the size must be a multiple of 4, not ${size}`)
    this.title = `matrix multiplication, ${size} × ${size}`
    this.#size = size
    this.#left = Float64Array.from({ length: size * size }, (_, i) => ((i * 7) % 13) - 6)
    this.#right = Float64Array.from({ length: size * size }, (_, i) => ((i * 5) % 11) - 5)
    this.#product = new Float64Array(size * size)
  }

  alone(): void {
    kernels.multiplyRows(this.#left, this.#right, this.#product, this.#size)
  }

  on(lease: Lease<typeof kernels>, caller: boolean): Run {
    const perItem = { inputPerItem: this.#size, outputPerItem: this.#size }
    const loop = new ParallelLoop(lease, kernels, 'multiply', { ...perItem, caller })
    return {
      run: async () => {
        kernels.load(this.#right)
        // Each run sends the matrix, as a program would that multiplies with another one each time.
        await lease.each.load(this.#right)
        await loop.run(this.#left, { output: this.#product })
      },
      [Symbol.dispose]: () => loop[Symbol.dispose](),
    }
  }

  forget(): void {
    this.#product.fill(NaN)
  }

  /** All numbers are whole and small, so every sum is exact, in whatever order it was made. */
  check(): string {
    const size = this.#size
    for (let i = 0; i < CHECKED_ROWS; i++) this.#checkRow(Math.floor((i * (size - 1)) / (CHECKED_ROWS - 1)))
    // The sum of the whole product is the sum over k of (column k of A) × (row k of B).
    let expected = 0
    for (let k = 0; k < size; k++) {
      let column = 0
      let row = 0
      for (let i = 0; i < size; i++) {
        column += this.#left[i * size + k]!
        row += this.#right[k * size + i]!
      }
      expected += column * row
    }
    const sum = this.#product.reduce((a, b) => a + b, 0)
    if (sum !== expected) throw new RfaasError('internal', `The product is wrong: its sum is ${sum}, not ${expected}`)
    return `checked: ${CHECKED_ROWS} rows number by number, and the sum of all`
  }

  #checkRow(row: number): void {
    const size = this.#size
    for (let column = 0; column < size; column++) {
      let expected = 0
      for (let k = 0; k < size; k++) expected += this.#left[row * size + k]! * this.#right[k * size + column]!
      const found = this.#product[row * size + column]!
      if (found !== expected)
        throw new RfaasError(
          'internal',
          `The product is wrong: row ${row}, column ${column}: ${found}, not ${expected}`,
        )
    }
  }
}
