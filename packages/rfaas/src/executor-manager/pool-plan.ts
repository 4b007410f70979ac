import { POOL_BUSY_MS_MAX, POOL_REFILL_DELAY_MS, POOL_RETRY_MS_MAX, POOL_RETRY_MS_MIN } from './limits.ts'

/** What a lease asks of a pooled executor. The heap must match; the number of workers can be adjusted. */
export interface ExecutorShape {
  /** Adjustable: an executor can start further workers and end surplus ones. */
  readonly workers: number
  /** Heap of each worker; fixed when the process starts. */
  readonly heapMib: number
}

/** What to do now, and when to ask again if nothing happens before. */
export interface PoolStep {
  /** Indexes of the executors to end. */
  readonly stop: readonly number[]
  /** The executor to start; only one at a time, because starting competes with the workers of leases. */
  readonly start: ExecutorShape | null
  readonly againAtMs: number | null
}

const NOTHING: PoolStep = { stop: [], start: null, againAtMs: null }

/**
 * Decides what a pool of executors holds: as many as its size, in the shapes of the latest leases, so that it fits
 * repeated leases. A refill waits until the last lease has made its first calls, and then for a limited time for an
 * idle core. After failures it waits longer and longer. Pure: the clock is passed in.
 */
export class PoolPlan {
  readonly size: number
  /** As many shapes as the size, the latest last. */
  readonly #wanted: ExecutorShape[]
  #notBeforeMs = 0
  #leasedMs = -Infinity
  #retryMs = 0

  constructor(size: number, first: ExecutorShape) {
    this.size = size
    this.#wanted = Array.from({ length: size }, () => first)
  }

  /** Whether the next failure would be the first in a row. */
  get isWell(): boolean {
    return this.#retryMs === 0
  }

  /** Records that a lease of this shape has started, from the pool or not. */
  leased(shape: ExecutorShape, nowMs: number): void {
    if (this.size === 0) return
    this.#wanted.shift()
    this.#wanted.push(shape)
    this.#leasedMs = nowMs
    this.#notBeforeMs = Math.max(this.#notBeforeMs, nowMs + POOL_REFILL_DELAY_MS)
  }

  /** Records that a lease has taken a pooled executor, which proves that they work, and ends the row of failures. */
  used(): void {
    this.#retryMs = 0
  }

  /**
   * Records that a start has failed, or that a ready executor has died by itself.
   *
   * @param livedMs how long it was ready; 0 when it never was
   * @returns how long no other executor is started
   */
  failed(nowMs: number, livedMs: number): number {
    if (livedMs >= POOL_RETRY_MS_MAX) this.#retryMs = 0
    this.#retryMs = Math.min(Math.max(2 * this.#retryMs, POOL_RETRY_MS_MIN), POOL_RETRY_MS_MAX)
    this.#notBeforeMs = Math.max(this.#notBeforeMs, nowMs + this.#retryMs)
    return this.#retryMs
  }

  /**
   * @param held the executors that are ready
   * @param isStarting whether one more is starting
   * @param hasIdleCore called only when needed: whether a core of the machine was mostly idle since the previous call
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
 * Which of `held` a lease of this shape takes: one with as many workers; else one with more, because ending a thread is
 * quick; else the one that must start the fewest.
 *
 * @returns its index, or -1 when none has heaps of that size
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
