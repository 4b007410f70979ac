import { RfaasError } from '../../errors.ts'
import { itemsThatFit } from '../../protocol/piece-layout.ts'
import type { LoopBody, LoopJob } from './loop-job.ts'
import type { Lane, LoopWorker, PieceListener } from './loop-worker.ts'
import { Ranges, type Range } from './ranges.ts'
import type { Cost } from './cost.ts'

/** A worker's piece takes at least and at most about this long: its way costs little beside it, and the end comes evenly. */
const PIECE_MS_MIN = 0.05
const PIECE_MS_MAX = 2
/** A piece takes at least so many times what its way costs. */
const PIECE_OVER_WAY = 4
/** The first piece of a worker whose speed is not known is this part of its region. */
const FIRST_PART = 1 / 16
/** The calling thread's pieces take at most about this long; then it looks after its workers. */
const HERE_MS = 0.1
/** Towards the end they become smaller, but not below this. */
const HERE_MS_MIN = 0.02
/** While its speed is not known, each of its pieces has so many times as many items as the one before. */
const HERE_GROWTH = 4

/** The caller is the first participant, where it takes part. */
const CALLER = 0

/** One run of a loop: shares the items out until all are computed. */
export class LoopRun implements PieceListener {
  readonly #body: LoopBody
  readonly #job: LoopJob
  readonly #workers: readonly LoopWorker[]
  /** What an item costs the calling thread; null when it takes no part. */
  readonly #here: Cost | null
  readonly #ranges: Ranges
  /** The first worker's number among the participants. */
  readonly #firstWorker: number
  #hereItems = 1
  #inFlight = 0
  /** What has ended the run early, in `reason`: a function of the program may throw anything. */
  failure: { readonly reason: unknown } | null = null
  /** Whether each result is to be told to the calling thread. */
  tellsProgress = false
  /** Called when the calling thread is needed: the run is over, items are left for it, or there is progress to tell. */
  onNeeded: (() => void) | null = null
  /** Items that were computed here, and by the workers of each lease. */
  hereCount = 0
  readonly leaseCounts: number[]

  /** @throws {RfaasError} `payload_too_large` when not even one item fits into a slot */
  constructor(body: LoopBody, job: LoopJob, workers: readonly LoopWorker[], here: Cost | null, leases: number) {
    this.#body = body
    this.#job = job
    this.#workers = workers
    this.#here = here
    this.#firstWorker = here === null ? 0 : 1
    this.leaseCounts = new Array<number>(leases).fill(0)
    const costs = [...(here === null ? [] : [here.average]), ...workers.map(({ cost }) => cost.average)]
    const known = costs.filter((cost) => cost > 0)
    const typical = known.length === 0 ? 1 : known.reduce((a, b) => a + b) / known.length
    this.#ranges = new Ranges(
      job.count,
      costs.map((cost) => 1 / (cost || typical)),
    )
    for (const worker of workers) this.#checkFits(worker)
    for (const worker of workers) worker.onFree = (lane) => this.#feed(lane)
  }

  get isOver(): boolean {
    return this.failure !== null || (this.#ranges.left === 0 && this.#inFlight === 0)
  }

  get computedCount(): number {
    return this.leaseCounts.reduce((a, b) => a + b, this.hereCount)
  }

  /** Gives each worker as many pieces as it has lanes. */
  feedAll(): void {
    for (const worker of this.#workers) for (const lane of worker.lanes) if (!lane.isBusy) this.#feed(lane)
  }

  /** Computes a piece in this thread; false when there is none for it. */
  computeHere(): boolean {
    const here = this.#here
    if (here === null || this.failure !== null) return false
    const range = this.#ranges.take(CALLER, this.#sizeHere(here.average))
    if (range === null) return false
    const startMs = performance.now()
    this.#body.compute(this.#job, range)
    const tookMs = performance.now() - startMs
    this.hereCount += range.count
    this.#hereItems *= HERE_GROWTH
    if (here.average > 0 || tookMs * HERE_GROWTH > HERE_MS || this.#ranges.left === 0) here.add(tookMs, range.count)
    return true
  }

  /** Settles what has arrived; returns how many results. */
  drain(): number {
    let count = 0
    for (const { channel } of this.#workers) if (channel.waiting > 0) count += channel.drain()
    return count
  }

  /** Looks whether workers are gone, and gives their pieces to others. */
  look(): void {
    for (const { lanes } of this.#workers) for (const lane of lanes) lane.failIfLost()
  }

  /** Ends the run: what is still in flight is not awaited. */
  end(): void {
    for (const worker of this.#workers) {
      worker.onFree = null
      for (const lane of worker.lanes) lane.forget()
    }
  }

  computed(lane: Lane, range: Range, output: Uint8Array): void {
    this.#inFlight--
    this.#body.read(this.#job, range, output)
    this.leaseCounts[lane.worker.lease]! += range.count
    this.#feed(lane)
    if (this.tellsProgress || this.isOver) this.onNeeded?.()
  }

  failed(error: RfaasError): void {
    this.#inFlight--
    this.fail(error)
  }

  lost(_: Lane, range: Range, error: RfaasError): void {
    this.#inFlight--
    this.#ranges.giveBack(range)
    const others = this.#workers.filter(({ channel }) => channel.isOpen)
    if (this.#here === null && others.length === 0) return this.fail(error)
    this.feedAll()
    this.onNeeded?.()
  }

  /** Ends the run with this reason, unless another one has ended it. */
  fail(reason: unknown): void {
    this.failure ??= { reason }
    this.onNeeded?.()
  }

  #feed(lane: Lane): void {
    const { worker } = lane
    if (this.failure !== null || this.#ranges.left === 0 || !worker.channel.isOpen) return
    const participant = this.#firstWorker + this.#workers.indexOf(worker)
    const range = this.#ranges.take(participant, this.#sizeFor(worker, this.#ranges.own(participant)))!
    let byteLength: number
    try {
      byteLength = this.#body.write(this.#job, range, lane.input)
    } catch (error) {
      // The program's own function that fills pieces has thrown.
      return this.fail(error)
    }
    if (lane.send(range, byteLength, range.count * this.#body.outputBytesPerItem, this)) this.#inFlight++
    else this.#ranges.giveBack(range)
  }

  #sizeHere(cost: number): number {
    if (cost === 0) return this.#hereItems
    const ms = Math.min(HERE_MS, Math.max(HERE_MS_MIN, (this.#ranges.own(CALLER) * cost) / 2))
    return Math.max(1, Math.round(ms / cost))
  }

  /** Half of what its region lasts for, within bounds: so pieces become smaller towards the end. */
  #sizeFor(worker: LoopWorker, own: number): number {
    const cost = worker.cost.average
    const fits = this.#fits(worker)
    if (cost === 0) return Math.max(1, Math.min(fits, Math.ceil(own * FIRST_PART)))
    const leastMs = Math.max(PIECE_MS_MIN, PIECE_OVER_WAY * worker.overheadMs)
    const ms = Math.min(PIECE_MS_MAX, Math.max(leastMs, (own * cost) / 2))
    return Math.max(1, Math.min(fits, Math.round(ms / cost)))
  }

  #fits({ channel }: LoopWorker): number {
    const { inputBytesPerItem, outputBytesPerItem } = this.#body
    const { payloadBytesMax } = channel.layout
    return itemsThatFit(payloadBytesMax, this.#job.common?.byteLength ?? 0, inputBytesPerItem, outputBytesPerItem)
  }

  #checkFits(worker: LoopWorker): void {
    if (this.#fits(worker) > 0) return
    const { payloadBytesMax } = worker.channel.layout
    const sentence = `Cannot run the loop ${this.#body.name}: one item with what is common to all does not fit into the lease's payloadBytesMax of ${payloadBytesMax}`
    throw new RfaasError('payload_too_large', sentence, { outcome: 'not_run' })
  }
}
