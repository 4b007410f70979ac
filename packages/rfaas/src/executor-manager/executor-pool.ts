import type { Clock } from '../clock.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { EXECUTOR_START_TIMEOUT_MS, POOL_LEASE_WORKERS_MAX, POOL_WORKERS_MAX, WORK_FOLDER_BYTES_MAX } from './limits.ts'
import { ExecutorProcess } from './executor-process.ts'
import type { PrepareOrder } from './executor-process.ts'
import type { Executors, PoolState, TakenExecutor } from './executors.ts'
import { MeterPage } from './meter-page.ts'
import { bestFit, PoolPlan } from './pool-plan.ts'
import type { ExecutorShape } from './pool-plan.ts'
import { memoryBytesOf } from './process-memory.ts'

export interface ExecutorPoolOptions {
  readonly size: number
  /** The shape that the pool prepares before the first lease: what most leases ask for. */
  readonly firstShape: ExecutorShape
  readonly clock: Clock
  readonly executorPath: string
  readonly fabrics: PrepareOrder['fabrics']
  /** As in ExecutorProcessOptions. */
  readonly isOwnProgram?: boolean
  /** As in ExecutorProcessOptions. */
  readonly workFolderBytesMax?: number
  /** Whether a core of the machine was mostly idle since the previous call. */
  readonly hasIdleCore: () => boolean
  readonly onChange: (state: PoolState) => void
  /** Called for the first of several failures in a row. */
  readonly onFailure: (error: RfaasError) => void
}

interface Held extends ExecutorShape {
  readonly process: ExecutorProcess
  readonly meters: MeterPage
  /** null while it starts. */
  readyMs: number | null
  memoryBytes: number
}

/**
 * Provides the executors of a node: from a pool of processes that were started in advance, or, when none of them fits,
 * started on demand. An executor never returns to the pool, so no tenant meets another tenant's leftovers; executors
 * kept for the same tenant are in kept-executors.ts.
 */
export class ExecutorPool implements Executors {
  readonly #options: ExecutorPoolOptions
  readonly #plan: PoolPlan
  #held: Held[] = []
  readonly #stopping = new Set<Promise<unknown>>()
  #cancelTimer: (() => void) | null = null
  #closed = false

  constructor(options: ExecutorPoolOptions) {
    this.#options = options
    this.#plan = new PoolPlan(options.size, options.firstShape)
    this.#refill()
  }

  get state(): PoolState {
    const ready = this.#held.filter(({ readyMs }) => readyMs !== null)
    const memoryMib = Math.ceil(ready.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) / 2 ** 20)
    return { size: this.#plan.size, ready: ready.length, memoryMib }
  }

  /**
   * Returns an executor for the lease. One that is still starting also counts: it will be ready sooner than a new one.
   */
  take(asked: ExecutorShape): TakenExecutor {
    const { clock, hasIdleCore } = this.#options
    const coldReason = this.#misfit(asked)
    const fit = coldReason === null ? bestFit(asked, this.#held) : -1
    const workers = Math.min(asked.workers, POOL_WORKERS_MAX)
    if (asked.workers <= POOL_LEASE_WORKERS_MAX) this.#plan.leased({ ...asked, workers }, clock.nowMonotonicMs())
    // Deferred, because the lease waits: its executor must be told to start before anything else happens.
    setImmediate(() => {
      // Start measuring idle cores now; the first reading is only a baseline.
      hasIdleCore()
      this.#changed()
    })
    if (coldReason !== null) {
      const meters = new MeterPage(asked.workers)
      return { process: this.#spawn(asked.heapMib, meters, false), meters, coldReason }
    }
    const [{ process, meters }] = this.#held.splice(fit, 1) as [Held]
    this.#plan.used()
    return { process, meters, coldReason }
  }

  /** Executes the plan's current step, and sets a timer for the next one. */
  #refill(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    if (this.#closed) return
    const { clock, hasIdleCore } = this.#options
    const isStarting = this.#held.some(({ readyMs }) => readyMs === null)
    const { stop, start, againAtMs } = this.#plan.next(this.#held, isStarting, hasIdleCore, clock.nowMonotonicMs())
    for (const index of stop) this.#stop(this.#held.splice(index, 1)[0]!)
    if (start !== null) void this.#prepare(start)
    if (againAtMs === null) return
    this.#cancelTimer = clock.after(Math.max(0, againAtMs - clock.nowMonotonicMs()), () => this.#refill())
  }

  /** Ends the executors that no lease has taken. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer?.()
    this.#cancelTimer = null
    for (const held of this.#held.splice(0)) this.#stop(held)
    await Promise.all(this.#stopping)
  }

  #misfit({ workers, heapMib }: ExecutorShape): string | null {
    if (this.#plan.size === 0) return 'this node keeps none ready'
    if (workers > POOL_LEASE_WORKERS_MAX) return `${workers} workers asked, at most ${POOL_LEASE_WORKERS_MAX} fit`
    if (this.#held.length === 0) return 'all that were ready are in use'
    if (this.#held.some((held) => held.heapMib === heapMib)) return null
    const ready = [...new Set(this.#held.map((held) => held.heapMib))].join(', ')
    return `${heapMib} MiB per worker asked, the ready ones have ${ready} MiB`
  }

  async #prepare(shape: ExecutorShape): Promise<void> {
    const { clock, fabrics } = this.#options
    const meters = new MeterPage(POOL_LEASE_WORKERS_MAX)
    const process = this.#spawn(shape.heapMib, meters, true)
    const held: Held = { ...shape, process, meters, readyMs: null, memoryBytes: 0 }
    this.#held.push(held)
    process.prepare({ workers: shape.workers, fabrics })
    const isMine = (): boolean => this.#held.includes(held)
    try {
      await process.prepared(EXECUTOR_START_TIMEOUT_MS)
      if (!isMine()) return
      held.memoryBytes = await memoryBytesOf(process.pid!)
      if (!isMine()) return
      held.readyMs = clock.nowMonotonicMs()
      this.#changed()
      const { how } = await process.exited
      if (isMine()) throw new RfaasError('executor_lost', `An executor of the pool ${how}${process.lastOutput}`)
    } catch (error) {
      // The failure of an executor that was taken is reported by its lease.
      if (isMine()) this.#failed(held, toRfaasError(error, 'executor_start_failed', 'Cannot start an executor'))
    }
  }

  #failed(held: Held, error: RfaasError): void {
    this.#held.splice(this.#held.indexOf(held), 1)
    this.#stop(held)
    if (this.#plan.isWell) this.#options.onFailure(error)
    const nowMs = this.#options.clock.nowMonotonicMs()
    this.#plan.failed(nowMs, held.readyMs === null ? 0 : nowMs - held.readyMs)
    this.#changed()
  }

  #changed(): void {
    this.#options.onChange(this.state)
    this.#refill()
  }

  #spawn(heapMib: number, meters: MeterPage, inBackground: boolean): ExecutorProcess {
    const { executorPath, isOwnProgram = false, workFolderBytesMax = WORK_FOLDER_BYTES_MAX, clock } = this.#options
    const own = { executorPath, isOwnProgram, workFolderBytesMax, clock }
    return new ExecutorProcess({ ...own, meterPageFd: meters.fd, heapMib, inBackground })
  }

  #stop({ process, meters }: Held): void {
    const stopped = process.stop(0).then(() => meters.close())
    this.#stopping.add(stopped)
    void stopped.finally(() => this.#stopping.delete(stopped))
  }
}
