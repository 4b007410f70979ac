import type { Clock } from '../clock.ts'
import type { CapacityLedger } from './capacity.ts'
import type { Executor, ExecutorMeters } from './executors.ts'
import { KeptPlan } from './kept-plan.ts'
import type { KeptFor } from './kept-plan.ts'

/** The executors that a node keeps after their leases have ended. */
export interface KeptState {
  readonly kept: number
  /** Taken from the memory that may be leased. */
  readonly keptMemoryMib: number
}

export interface KeptExecutorsOptions {
  /** Upper bound of how long an executor is kept, whatever its lease asks for; 0 keeps none. */
  readonly keepWarmMsMax: number
  readonly capacity: CapacityLedger
  readonly clock: Clock
  readonly onChange: (state: KeptState) => void
}

/** A parked executor with its meters at zero. The taker owns it: it stops the executor and closes its meters. */
export interface KeptExecutor {
  readonly process: Executor
  readonly meters: ExecutorMeters
}

/**
 * Executors of released leases, parked for the next lease of the same tenant with the same functions. Together they use
 * only memory that is not leased, and have no more workers than the node has cores; when either runs short, the
 * executors kept longest are killed.
 */
export class KeptExecutors {
  readonly #options: KeptExecutorsOptions
  readonly #plan = new KeptPlan<KeptExecutor>()
  /** For each kept executor, removes the listener for its exit. */
  readonly #forget = new Map<KeptExecutor, () => void>()
  readonly #stopping = new Set<Promise<void>>()
  #cancelTimer: (() => void) | null = null
  #closed = false

  constructor(options: KeptExecutorsOptions) {
    this.#options = options
  }

  get state(): KeptState {
    return { kept: this.#plan.count, keptMemoryMib: this.#plan.memoryMib }
  }

  /** How long an executor is kept whose lease asked for `askedMs`. */
  keptMs(askedMs: number): number {
    return this.#closed ? 0 : Math.min(askedMs, this.#options.keepWarmMsMax)
  }

  /**
   * Keeps an executor that has just been parked, after its lease has given its capacity back. Takes ownership of it.
   */
  keep(executor: KeptExecutor, what: KeptFor, keepMs: number): void {
    if (this.#closed) return void this.#stop(executor)
    this.#forget.set(
      executor,
      // No lease uses the executor, so its end is not reported, whatever the cause.
      executor.process.onExit(() => {
        if (this.#plan.remove(executor)) void this.#leave([executor])
      }),
    )
    this.#plan.add(executor, what, this.#options.clock.nowMonotonicMs() + keepMs)
    void this.makeRoom()
    this.#changed()
  }

  /** A kept executor that matches the lease, or null. */
  take(what: KeptFor): KeptExecutor | null {
    const executor = this.#plan.take(what, this.#options.clock.nowMonotonicMs())
    if (executor === null) return null
    this.#release(executor)
    this.#changed()
    return executor
  }

  /**
   * Kills the kept executors whose memory has been leased since; resolves when they are gone.
   *
   * @param neededMib memory that is needed besides what is leased. Default 0
   */
  async makeRoom(neededMib = 0): Promise<void> {
    const { total, free } = this.#options.capacity
    await this.#leave(this.#plan.giveUp({ cores: total.cores, memoryMib: Math.max(0, free.memoryMib - neededMib) }))
  }

  /** Resolves when all executors that are being stopped are gone. */
  async settled(): Promise<void> {
    await Promise.all(this.#stopping)
  }

  /** Ends all, and keeps none from here on. */
  async close(): Promise<void> {
    this.#closed = true
    void this.#leave(this.#plan.giveUp({ cores: 0, memoryMib: 0 }))
    await this.settled()
  }

  /** Stops executors that have already been removed from the plan. */
  async #leave(executors: readonly KeptExecutor[]): Promise<void> {
    if (executors.length === 0) return
    const stopped = executors.map((executor) => {
      this.#release(executor)
      return this.#stop(executor)
    })
    this.#changed()
    await Promise.all(stopped)
  }

  #release(executor: KeptExecutor): void {
    this.#forget.get(executor)?.()
    this.#forget.delete(executor)
  }

  #stop({ process, meters }: KeptExecutor): Promise<void> {
    const stopped = process.stop(0).then(() => meters.close())
    this.#stopping.add(stopped)
    return stopped.finally(() => this.#stopping.delete(stopped))
  }

  #changed(): void {
    this.#arm()
    this.#options.onChange(this.state)
  }

  #arm(): void {
    const { clock } = this.#options
    this.#cancelTimer?.()
    const { dueMs } = this.#plan
    const onDue = (): void => {
      void this.#leave(this.#plan.due(clock.nowMonotonicMs()))
      // The timer may fire slightly early, so arm it again.
      this.#arm()
    }
    this.#cancelTimer = dueMs === null ? null : clock.after(Math.max(0, dueMs - clock.nowMonotonicMs()), onDue)
  }
}
