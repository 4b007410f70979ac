import { inspect } from 'node:util'

import { RfaasError } from '../../errors.ts'
import { kernelParts, type ArrayOf, type Kernel } from '../../kernel.ts'
import { abortedError, onAbort } from '../calls/abort.ts'
import { POLLS_PER_LOOK, yieldWhenDue } from '../calls/polls.ts'
import type { Lease } from '../lease.ts'
import { Cost } from './cost.ts'
import { LoopBody, type LoopJob } from './loop-job.ts'
import { LoopRun } from './loop-run.ts'
import { Lane, LANES, LoopWorker } from './loop-worker.ts'

const HOLD_MS_DEFAULT = 5
/** Fewer items than cost this many times what sharing them out costs are computed here: a piece's way, and… */
const WORTH_OVER_WAY = 4
/** …what this thread does for a run, in ms. */
const SHARING_MS = 0.003
/** Of runs that are computed here as a whole, every so many are measured: the clock costs as much as a few items. */
const MEASURED_EVERY = 16

export interface ParallelLoopOptions {
  /** Elements of the input of one item, for instance the length of a row. Default 1. */
  readonly inputPerItem?: number
  /** Elements of the result of one item. Default 1. */
  readonly outputPerItem?: number
  /** Whether the calling thread computes, too. Default true. */
  readonly caller?: boolean
  /** For how long, in ms, `run` may hold the event loop at a time. Default 5. */
  readonly holdMs?: number
}

export interface LoopRunOptions<O, C> {
  /** Where the results go, as many as there are items. Default: a new array. */
  readonly output?: ArrayOf<O>
  /** What every piece gets; needed when the kernel's shape has it. */
  readonly common?: ArrayOf<C>
  /** Called with how many items are computed, at each turn of the event loop. Default: nobody is told. */
  readonly onProgress?: (computed: number) => void
  /** Ends the run: it rejects with `aborted`. Default: none. */
  readonly signal?: AbortSignal
}

/**
 * The items of a loop: one array with all of them, one after the other; or their number and a function that writes those
 * from `first` on into `into`, where they are computed, so that nothing is copied; or, for a kernel without input, just
 * their number.
 */
export type LoopItems<I> = [I] extends [undefined]
  ? number
  : ArrayOf<I> | { readonly count: number; readonly fill: (into: ArrayOf<I>, first: number) => void }

/** Who has computed the items of the last run. */
export interface LoopShares {
  readonly caller: number
  /** By lease, in the order in which they were given. */
  readonly leases: readonly number[]
}

/** The parts of a module that are kernels. */
export type KernelNames<M> = { [K in keyof M]: M[K] extends Kernel<infer _I, infer _O, infer _C> ? K : never }[keyof M]
type InputOf<K> = K extends Kernel<infer I, infer _O, infer _C> ? I : never
type OutputOf<K> = K extends Kernel<infer _I, infer O, infer _C> ? O : never
type CommonOf<K> = K extends Kernel<infer _I, infer _O, infer C> ? C : never

/**
 * A loop over the items of typed arrays, whose body is a {@link kernel} of the leased module. Workers and, by default, the
 * calling thread compute pieces of it at the same time. Pieces are sized by the measured cost of an item; each worker's
 * next piece lies ready in its memory while it computes; who is done first takes over items of others. Where the items
 * together cost less than the way to a worker, the calling thread computes them alone.
 *
 * Two slots of each worker are reserved until the loop is disposed of. Pieces of a worker that is lost are computed by the
 * others. Workers that replace it take part from the next run on.
 *
 * @example
 * import * as pricing from './pricing.ts' // export const price = kernel({ … }, …)
 * using loop = new ParallelLoop(lease, pricing, 'price', { inputPerItem: 9 })
 * const prices = await loop.run(options)
 */
export class ParallelLoop<M, N extends KernelNames<M>> implements Disposable {
  readonly #leases: readonly Lease<never>[]
  readonly #body: LoopBody
  readonly #here: Cost | null
  readonly #holdMs: number
  #workers: LoopWorker[] = []
  #isRunning = false
  #isDisposed = false
  #runsHere = 0
  #shares: LoopShares
  readonly #noLease: readonly number[]

  /**
   * @param leases whose workers compute; all with the module's functions
   * @param module the module that was leased, as imported here: the calling thread runs its kernel, too
   * @param name of the kernel
   * @throws {RfaasError} `invalid_argument`, `unknown_function`
   */
  constructor(
    leases: Lease<M> | readonly Lease<M>[],
    module: M,
    name: N,
    { inputPerItem = 1, outputPerItem = 1, caller = true, holdMs = HOLD_MS_DEFAULT }: ParallelLoopOptions = {},
  ) {
    const refuse = (reason: string): never => {
      throw new RfaasError('invalid_argument', `Cannot make a parallel loop: ${reason}`)
    }
    const kernel: unknown = module[name]
    if (kernelParts(kernel) === null) {
      const names = Object.entries(module as object).flatMap(([key, value]) => (kernelParts(value) ? [key] : []))
      refuse(`${String(name)} is no kernel; the module has ${names.length === 0 ? 'none' : names.join(', ')}`)
    }
    for (const [what, count] of Object.entries({ inputPerItem, outputPerItem }))
      if (!Number.isSafeInteger(count) || count < 1)
        refuse(`${what} must be a whole number from 1 on, not ${inspect(count)}`)
    if (typeof holdMs !== 'number' || !(holdMs >= 0)) refuse(`holdMs must be 0 or more, not ${inspect(holdMs)}`)
    this.#leases = [leases].flat() as Lease<never>[]
    this.#body = new LoopBody(String(name), kernel as Kernel<unknown, unknown, unknown>, inputPerItem, outputPerItem)
    this.#here = caller ? new Cost() : null
    this.#holdMs = holdMs
    this.#noLease = this.#leases.map(() => 0)
    this.#shares = { caller: 0, leases: this.#noLease }
    this.#useWorkers()
  }

  /** Who has computed how many items in the last run. */
  get shares(): LoopShares {
    return this.#shares
  }

  /**
   * Computes all items. The event loop turns meanwhile, at least every `holdMs`.
   *
   * @returns `output`: the results in the order of the items
   * @throws {RfaasError} `function_failed` with what the kernel threw; `aborted`; `payload_too_large` when one item does not
   * fit into a slot; `invalid_argument`; when no worker is left and the calling thread takes no part, what ended them
   */
  async run(
    items: LoopItems<InputOf<M[N]>>,
    options: LoopRunOptions<OutputOf<M[N]>, CommonOf<M[N]>> = {},
  ): Promise<ArrayOf<OutputOf<M[N]>>> {
    const { signal } = options
    if (signal?.aborted) throw abortedError(`Cannot run the loop ${this.#body.name}`, signal, 'not_run')
    const job = this.#body.job(items, options.output, options.common)
    if (this.#isSmall(job)) return this.#runHere(job) as never
    const run = this.#begin(job)
    run.tellsProgress = options.onProgress !== undefined
    const unlisten =
      signal && onAbort(signal, () => run.fail(abortedError(`Cannot run ${this.#body.name}`, signal, 'unknown')))
    try {
      let turnedMs = performance.now()
      run.feedAll()
      while (!run.isOver) {
        if (!run.computeHere()) await this.#wait(run)
        else if (performance.now() - turnedMs >= this.#holdMs) await new Promise(setImmediate)
        else {
          run.drain()
          continue
        }
        options.onProgress?.(run.computedCount)
        turnedMs = performance.now()
      }
    } finally {
      unlisten?.()
      this.#end(run)
    }
    if (run.failure) throw run.failure.reason
    return job.output as never
  }

  /** As {@link run}, but holds the event loop until all items are computed: for loops that take less than a millisecond. */
  runSync(
    items: LoopItems<InputOf<M[N]>>,
    { output, common }: Omit<LoopRunOptions<OutputOf<M[N]>, CommonOf<M[N]>>, 'signal' | 'onProgress'> = {},
  ): ArrayOf<OutputOf<M[N]>> {
    const job = this.#body.job(items, output, common)
    if (this.#isSmall(job)) return this.#runHere(job) as never
    const run = this.#begin(job)
    try {
      run.feedAll()
      for (let empty = 0; !run.isOver;) {
        const isUseful = run.computeHere()
        if (run.drain() > 0 || isUseful) empty = 0
        else if (++empty % POLLS_PER_LOOK === 0) {
          run.look()
          yieldWhenDue(empty)
        }
      }
    } finally {
      this.#end(run)
    }
    if (run.failure) throw run.failure.reason
    return job.output as never
  }

  /** Gives the reserved slots back. */
  [Symbol.dispose](): void {
    this.#isDisposed = true
    for (const { lanes } of this.#workers) for (const lane of lanes) lane.release()
    this.#workers = []
  }

  /** Sleeps on the event loop until this thread is needed again. */
  async #wait(run: LoopRun): Promise<void> {
    const needed = Promise.withResolvers<void>()
    run.onNeeded = needed.resolve
    for (const { channel, dispatcher } of this.#workers) if (channel.waiting > 0) dispatcher.expect(channel)
    await needed.promise
    run.onNeeded = null
  }

  /** Whether the calling thread is done with all items before a worker could have helped. */
  #isSmall({ count }: LoopJob): boolean {
    const here = this.#here
    if (here === null || here.average === 0 || this.#isRunning) return false
    let wayMs = Infinity
    for (const { overheadMs } of this.#workers) if (overheadMs < wayMs) wayMs = overheadMs
    return count * here.average < Math.min(this.#holdMs, WORTH_OVER_WAY * (wayMs + SHARING_MS))
  }

  #runHere(job: LoopJob): unknown {
    const range = { first: 0, count: job.count }
    if (this.#runsHere++ % MEASURED_EVERY === 0 && job.count > 0) {
      const startMs = performance.now()
      this.#body.compute(job, range)
      this.#here!.add(performance.now() - startMs, job.count)
    } else this.#body.compute(job, range)
    this.#shares = { caller: job.count, leases: this.#noLease }
    return job.output
  }

  #begin(job: LoopJob): LoopRun {
    const refuse = (reason: string): never => {
      throw new RfaasError('invalid_argument', `Cannot run the loop ${this.#body.name}: ${reason}`, {
        outcome: 'not_run',
      })
    }
    if (this.#isDisposed) refuse('it is disposed of')
    if (this.#isRunning) refuse('it is running; make a loop for each run at the same time')
    this.#useWorkers()
    const run = new LoopRun(this.#body, job, this.#workers, this.#here, this.#leases.length)
    this.#isRunning = true
    for (const worker of this.#workers) {
      worker.isWoken = worker.channel.mustWake
      if (worker.isWoken) worker.channel.wake()
    }
    return run
  }

  #end(run: LoopRun): void {
    run.end()
    this.#isRunning = false
    this.#shares = { caller: run.hereCount, leases: run.leaseCounts }
    for (const { channel, dispatcher, isWoken } of this.#workers)
      if (isWoken || channel.waiting > 0) dispatcher.expect(channel)
  }

  /** Takes the workers that the leases have now. */
  #useWorkers(): void {
    const before = new Map(this.#workers.map((worker) => [worker.channel, worker]))
    this.#workers = this.#leases.flatMap((lease, number) => {
      const { dispatcher, f } = lease.inPlace(this.#body.name)
      return dispatcher.channels.map((channel) => before.get(channel) ?? new LoopWorker(channel, dispatcher, f, number))
    })
    const kept = new Set(this.#workers)
    for (const worker of before.values()) if (!kept.has(worker)) for (const lane of worker.lanes) lane.release()
    for (const worker of this.#workers) this.#reserve(worker)
    if (this.#here === null && this.#workers.every(({ lanes }) => lanes.length === 0)) {
      const sentence = `Cannot run the loop ${this.#body.name}: no worker has a free slot, and the calling thread takes no part`
      throw new RfaasError('queue_full', sentence, { outcome: 'not_run' })
    }
  }

  /** As many of a worker's slots as are free now. */
  #reserve(worker: LoopWorker): void {
    const { channel, dispatcher, lanes } = worker
    while (lanes.length < LANES && channel.room > 0)
      lanes.push(new Lane(worker, dispatcher.inPlace.reserveOn(channel, channel.layout.payloadBytesMax)))
  }
}
