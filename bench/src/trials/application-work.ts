/** The parallel applications of the bench, with their data in memory that threads can share. */
import * as pricing from '../../../examples/black-scholes/pricing.ts'
import { makePortfolio } from '../../../examples/black-scholes/portfolio.ts'
import { priceAll } from '../../../examples/black-scholes/black-scholes.ts'
import { ROW_NUMBERS } from '../../../examples/black-scholes/rows.ts'
import * as jacobi from '../../../examples/jacobi/kernels.ts'
import * as matmul from '../../../examples/matrix-multiplication/kernels.ts'

export const APPLICATIONS = ['matmul', 'blackScholes', 'jacobi'] as const
export type ApplicationName = (typeof APPLICATIONS)[number]

/** The arrays of one application. `items` of them are computed in a run. */
export interface Data {
  readonly items: number
  readonly input: Float64Array
  /** What all items need, beside their input. */
  readonly whole: Float64Array
  readonly output: Float64Array
}

/** @param size rows of the matrices, unknowns, or options */
export function makeData(name: ApplicationName, size: number): Data {
  if (name === 'blackScholes') {
    const { rows } = makePortfolio(size, 1)
    return { items: size, input: shared(rows), whole: new Float64Array(0), output: shared(new Float64Array(size)) }
  }
  const square = (seed: number): Float64Array =>
    shared(
      Float64Array.from({ length: size * size }, (_, i) => ((i * seed) % 13) - 6 + (i % (size + 1) ? 0 : size * 10)),
    )
  if (name === 'matmul') {
    return { items: size, input: square(7), whole: square(5), output: shared(new Float64Array(size * size)) }
  }
  const x = Float64Array.from({ length: size }, (_, i) => i % 10)
  return { items: size, input: shared(x), whole: square(7), output: shared(new Float64Array(size)) }
}

function shared(values: Float64Array): Float64Array {
  const array = new Float64Array(new SharedArrayBuffer(values.byteLength))
  array.set(values)
  return array
}

/** Computes items in the calling thread, each to its place. */
export function compute(
  name: ApplicationName,
  { input, whole, output, items }: Data,
  first: number,
  count: number,
): void {
  if (name === 'blackScholes') {
    const rows = input.subarray(first * ROW_NUMBERS, (first + count) * ROW_NUMBERS)
    void priceAll(rows, output.subarray(first, first + count))
  } else if (name === 'matmul') {
    const from = first * items
    const to = from + count * items
    matmul.multiplyRows(input.subarray(from, to), whole, output.subarray(from, to), count)
  } else jacobi.sweepRows(whole, input, input, output.subarray(first, first + count), first, count)
}

export { jacobi, matmul, pricing, ROW_NUMBERS }
