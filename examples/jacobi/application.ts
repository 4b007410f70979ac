import { ParallelLoop, RfaasError, type Lease } from 'rfaas'
import type { Application, Run } from '../compare/application.ts'
import * as kernels from './kernels.ts'

/** What is left of the equations when they count as solved. */
const RESIDUE_MAX = 1e-6

/** Solves linear equations by sweeps over all rows. A sweep is one run of a loop: it takes about a millisecond. */
export class Jacobi implements Application<typeof kernels> {
  readonly functions: URL = new URL('./kernels.ts', import.meta.url)
  readonly title: string
  readonly #size: number
  readonly #sweeps: number
  readonly #matrix: Float64Array
  readonly #right: Float64Array
  #x: Float64Array
  #next: Float64Array

  /** @param size unknowns, a multiple of 4 */
  constructor(size: number, sweeps: number) {
    if (!Number.isInteger(size) || size < 4 || size % 4 !== 0)
      throw new RfaasError('invalid_argument', `Cannot solve: the size must be a multiple of 4, not ${size}`)
    this.title = `Jacobi's method, ${size} unknowns, ${sweeps} sweeps`
    this.#size = size
    this.#sweeps = sweeps
    // The diagonal outweighs its row, so the method converges.
    this.#matrix = Float64Array.from({ length: size * size }, (_, i) =>
      i % (size + 1) === 0 ? size * 2 : ((i * 31) % 17) / 17,
    )
    this.#right = Float64Array.from({ length: size }, (_, i) => (i % 10) + 1)
    this.#x = new Float64Array(size)
    this.#next = new Float64Array(size)
  }

  alone(): void {
    for (let sweep = 0; sweep < this.#sweeps; sweep++) {
      kernels.sweepRows(this.#matrix, this.#right, this.#x, this.#next, 0, this.#size)
      this.#swap()
    }
  }

  async on(lease: Lease<typeof kernels>, caller: boolean): Promise<Run> {
    kernels.load(this.#matrix, this.#right)
    await lease.each.load(this.#matrix, this.#right)
    const loop = new ParallelLoop(lease, kernels, 'sweep', { caller })
    return {
      run: () => {
        for (let sweep = 0; sweep < this.#sweeps; sweep++) {
          loop.runSync(this.#size, { common: this.#x, output: this.#next })
          this.#swap()
        }
      },
      [Symbol.dispose]: () => loop[Symbol.dispose](),
    }
  }

  forget(): void {
    this.#x.fill(0)
    this.#next.fill(NaN)
  }

  /** Puts the solution into the equations. */
  check(): string {
    let residue = 0
    for (let row = 0; row < this.#size; row++) {
      let sum = -this.#right[row]!
      for (let column = 0; column < this.#size; column++)
        sum += this.#matrix[row * this.#size + column]! * this.#x[column]!
      // Written so that NaN is found, too.
      if (!(Math.abs(sum) <= residue)) residue = Math.abs(sum)
    }
    if (!(residue <= RESIDUE_MAX))
      throw new RfaasError('internal', `The equations are not solved: ${residue} is left, ${RESIDUE_MAX} is allowed`)
    return `checked: ${residue.toExponential(1)} is left when the solution is put into the equations`
  }

  #swap(): void {
    const last = this.#x
    this.#x = this.#next
    this.#next = last
  }
}
