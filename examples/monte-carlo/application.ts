import { ParallelLoop, RfaasError, type Lease } from 'rfaas'
import type { Application, Run } from '../compare/application.ts'
import * as kernels from './kernels.ts'

/** The estimate may be off by so many standard deviations. */
const DEVIATIONS_MAX = 5

/** Estimates π by points in a square: items without input, of which a number suffices. */
export class MonteCarlo implements Application<typeof kernels> {
  readonly functions: URL = new URL('./kernels.ts', import.meta.url)
  readonly title: string
  readonly #hits: Uint32Array
  readonly #expected: number

  constructor(blocks: number) {
    if (!Number.isInteger(blocks) || blocks < 1)
      throw new RfaasError('invalid_argument', `Cannot estimate: the number of blocks must be 1 or more, not ${blocks}`)
    this.title = `Monte Carlo, ${blocks} blocks of ${kernels.POINTS.toLocaleString('en')} points`
    this.#hits = new Uint32Array(blocks)
    this.#expected = this.#compute()
  }

  alone(): void {
    this.#compute()
  }

  on(lease: Lease<typeof kernels>, caller: boolean): Run {
    const loop = new ParallelLoop(lease, kernels, 'hits', { caller })
    return {
      run: async () => void (await loop.run(this.#hits.length, { output: this.#hits })),
      [Symbol.dispose]: () => loop[Symbol.dispose](),
    }
  }

  forget(): void {
    this.#hits.fill(0)
  }

  check(): string {
    const hits = this.#sum()
    if (hits !== this.#expected)
      throw new RfaasError('internal', `The estimate is wrong: ${hits} hits, alone ${this.#expected}`)
    const points = this.#hits.length * kernels.POINTS
    const estimate = (4 * hits) / points
    const deviation = Math.abs(estimate - Math.PI) / Math.sqrt((Math.PI * (4 - Math.PI)) / points)
    if (deviation > DEVIATIONS_MAX)
      throw new RfaasError('internal', `The estimate of π is ${estimate}: off by ${deviation} standard deviations`)
    return `checked: π ≈ ${estimate.toFixed(5)}, the same hits as alone`
  }

  #compute(): number {
    for (let block = 0; block < this.#hits.length; block++) this.#hits[block] = kernels.hitsOf(block)
    return this.#sum()
  }

  #sum(): number {
    return this.#hits.reduce((a, b) => a + b, 0)
  }
}
