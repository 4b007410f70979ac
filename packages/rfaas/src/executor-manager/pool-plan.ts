import { POOL_BUSY_MS_MAX, POOL_REFILL_DELAY_MS, POOL_RETRY_MS_MAX, POOL_RETRY_MS_MIN } from './limits.ts'

/** What must be the same of an executor of the pool and the lease that takes it, or can be made the same. */
export interface ExecutorShape {
  /** An executor can grow, and end those that it has too many of. */
  readonly workers: number
  /** Of each worker; fixed from the start of the process. */
  readonly heapMib: number
}

/** What to do now, and when to ask again should nothing happen before. */
export interface PoolStep {
  /** Indexes of those that are to be ended. */
  readonly stop: readonly number[]
  /** The one to start; one at a time, for they compete with the workers of leases. */
  readonly start: ExecutorShape | null
  readonly againAtMs: number | null
}

const NOTHING: PoolStep = { stop: [], start: null, againAtMs: null }

/**
 * Decides what a pool of executors holds: as many as its size, in the shapes of the last leases, so that it fits who
 * leases again. A refill waits until the last lease has made its first calls, and for some time for a core that is idle;
 * after a failure it waits longer and longer. Pure: the clock is passed in.
 */
export class PoolPlan {
  readonly size: number
  /** As many as the size, the latest last. */
  readonly #wanted: ExecutorShape[]
  #notBeforeMs = 0
  #leasedMs = -Infinity
  #retryMs = 0

  constructor(size: number, first: ExecutorShape) {
    this.size = size
    this.#wanted = Array.from({ length: size }, () => first)
  }

  /** Whether the next failure is the first of a row. */
  get isWell(): boolean {
    return this.#retryMs === 0
  }

  /** A lease of this shape has started, out of the pool or not. */
  leased(shape: ExecutorShape, nowMs: number): void {
    if (this.size === 0) return
    this.#wanted.shift()
    this.#wanted.push(shape)
    this.#leasedMs = nowMs
    this.#notBeforeMs = Math.max(this.#notBeforeMs, nowMs + POOL_REFILL_DELAY_MS)
  }

  /** One of the pool has become the executor of a lease: they work. */
  used(): void {
    this.#retryMs = 0
  }

  /**
   * A start has failed, or one that was ready has died by itself.
   *
   * @param livedMs since it was ready; 0 when it never was
   * @returns how long no other is started
   */
  failed(nowMs: number, livedMs: number): number {
    if (livedMs >= POOL_RETRY_MS_MAX) this.#retryMs = 0
    this.#retryMs = Math.min(Math.max(2 * this.#retryMs, POOL_RETRY_MS_MIN), POOL_RETRY_MS_MAX)
    this.#notBeforeMs = Math.max(this.#notBeforeMs, nowMs + this.#retryMs)
    return this.#retryMs
  }

  /**
   * @param held those that are ready
   * @param isStarting whether one more is on its way
   * @param hasIdleCore asked when it matters: whether a core of the machine had little to do since it was asked last
   */
  next(held: readonly ExecutorShape[], isStarting: boolean, hasIdleCore: () => boolean, nowMs: number): PoolStep {
    if (isStarting) return NOTHING
    const missing = [...this.#wanted]
    const stop: number[] = []
    for (const [index, shape] of held.entries()) {
      const at = missing.findLastIndex((wanted) => isSame(wanted, shape))
      if (at < 0) stop.push(index)
      else missing.splice(at, 1)
    }
    const start = missing.at(-1)
    if (start === undefined) return NOTHING
    if (nowMs < this.#notBeforeMs) return { ...NOTHING, againAtMs: this.#notBeforeMs }
    if (nowMs < this.#leasedMs + POOL_BUSY_MS_MAX && !hasIdleCore()) {
      return { ...NOTHING, againAtMs: nowMs + POOL_REFILL_DELAY_MS }
    }
    return { stop: held.length < this.size ? [] : stop.slice(0, 1), start, againAtMs: null }
  }
}

/**
 * Which of `held` a lease of this shape takes: one with as many workers, else one with more, for ending a thread is
 * quick, else the one that has to start the fewest.
 *
 * @returns its index, or -1 when none has such heaps
 */
export function bestFit(asked: ExecutorShape, held: readonly ExecutorShape[]): number {
  const costOf = ({ workers }: ExecutorShape): number =>
    workers >= asked.workers ? workers - asked.workers : 1e6 * (asked.workers - workers)
  let best = -1
  for (const [index, shape] of held.entries()) {
    if (shape.heapMib !== asked.heapMib) continue
    if (best < 0 || costOf(shape) < costOf(held[best]!)) best = index
  }
  return best
}

function isSame(a: ExecutorShape, b: ExecutorShape): boolean {
  return a.workers === b.workers && a.heapMib === b.heapMib
}
