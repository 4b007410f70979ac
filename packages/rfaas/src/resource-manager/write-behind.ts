import type { Clock } from '../clock.ts'
import { HEARTBEATS_WRITTEN_AT_ONCE, USAGE_WRITE_DELAY_MS, USAGES_WRITTEN_AT_ONCE, WRITE_RETRY_MS } from './limits.ts'
import type { Liveness } from './liveness.ts'
import { HEARTBEATS, OPEN_LEASES, POOLS, USAGE } from './records.ts'
import { transact } from './store.ts'
import type { Store } from './store.ts'
import { nextTurn } from './turns.ts'
import type { UsageBook } from './usage-book.ts'

/** Writes what is only in memory to the store some time later: many records in one commit, and one commit a turn. */
export class WriteBehind {
  readonly #store: Store
  readonly #liveness: Liveness
  readonly #usage: UsageBook
  readonly #tasks: Task[]

  /** @param onError called when a write fails; it is tried again */
  constructor(store: Store, liveness: Liveness, usage: UsageBook, clock: Clock, onError: (error: unknown) => void) {
    this.#store = store
    this.#liveness = liveness
    this.#usage = usage
    const heartbeats = new Task(clock, liveness.writeDelayMs, () => this.#writeHeartbeats(), onError)
    const usages = new Task(clock, USAGE_WRITE_DELAY_MS, () => this.#writeUsage(), onError)
    liveness.onUnwritten = () => heartbeats.start()
    usage.onUnwritten = () => usages.start()
    this.#tasks = [heartbeats, usages]
  }

  /** Writes what is left, as far as the store allows. */
  async close(): Promise<void> {
    for (const task of this.#tasks) await task.close()
  }

  async #writeHeartbeats(): Promise<boolean> {
    const news = this.#liveness.takeUnwritten(HEARTBEATS_WRITTEN_AT_ONCE)
    if (news.length === 0) return false
    const changes = new Map<string, string | null>()
    for (const { nodeId, unixMs, pool } of news) {
      changes.set(HEARTBEATS + nodeId, String(unixMs))
      if (pool !== undefined) changes.set(POOLS + nodeId, pool)
    }
    try {
      // Without conditions: each node is heard of by one manager at a time, and a record that is out of date is harmless.
      await this.#store.commit({ conditions: new Map(), changes })
    } catch (error) {
      this.#liveness.notWritten(news)
      throw error
    }
    const gone = this.#liveness.written(news)
    const leftovers = gone.flatMap((nodeId) => [HEARTBEATS + nodeId, POOLS + nodeId].map((key) => [key, null] as const))
    if (leftovers.length > 0) await this.#store.commit({ conditions: new Map(), changes: new Map(leftovers) })
    return true
  }

  async #writeUsage(): Promise<boolean> {
    const leaseIds = this.#usage.takeUnwritten(USAGES_WRITTEN_AT_ONCE)
    if (leaseIds.length === 0) return false
    try {
      const written = await transact(this.#store, async (transaction) => {
        const written = []
        for (const leaseId of leaseIds) {
          // Makes the commit fail when the lease closes meanwhile: its closing has deleted the usage.
          if ((await transaction.get(OPEN_LEASES + leaseId)) === null) continue
          const usage = this.#usage.of(leaseId)
          transaction.set(USAGE + leaseId, JSON.stringify(usage))
          written.push({ leaseId, usage })
        }
        return written
      })
      for (const { leaseId, usage } of written) this.#usage.written(leaseId, usage)
    } catch (error) {
      this.#usage.notWritten(leaseIds)
      throw error
    }
    return true
  }
}

/** Runs `step` until nothing is left, some time after it was started. */
class Task {
  readonly #clock: Clock
  readonly #delayMs: number
  readonly #step: () => Promise<boolean>
  readonly #onError: (error: unknown) => void
  #cancelTimer: (() => void) | null = null
  #running: Promise<void> = Promise.resolve()
  #closed = false

  constructor(clock: Clock, delayMs: number, step: () => Promise<boolean>, onError: (error: unknown) => void) {
    this.#clock = clock
    this.#delayMs = delayMs
    this.#step = step
    this.#onError = onError
  }

  start(delayMs: number = this.#delayMs): void {
    if (this.#closed) return
    this.#cancelTimer ??= this.#clock.after(delayMs, () => {
      this.#cancelTimer = null
      this.#running = this.#running.then(() => this.#run())
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelTimer?.()
    await this.#running
    await this.#run()
  }

  async #run(): Promise<void> {
    try {
      for (let steps = 0; await this.#step(); steps++) if (steps > 0) await nextTurn()
    } catch (error) {
      this.#onError(error)
      this.start(WRITE_RETRY_MS)
    }
  }
}
