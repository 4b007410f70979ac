import type { Clock } from '../clock.ts'
import type { CapacityLedger } from './capacity.ts'
import type { Executor, ExecutorMeters } from './executors.ts'
import { KeptPlan } from './kept-plan.ts'
import type { KeptFor } from './kept-plan.ts'

/** What a node keeps of leases that have ended. */
export interface KeptState {
  readonly kept: number
  /** Of what may be leased. */
  readonly keptMemoryMib: number
}

export interface KeptExecutorsOptions {
  /** However long a lease asks for; 0 keeps none. */
  readonly keepWarmMsMax: number
  readonly capacity: CapacityLedger
  readonly clock: Clock
  readonly onChange: (state: KeptState) => void
}

/** A parked executor, with meters at zero; whoever takes it stops it and closes its meters. */
export interface KeptExecutor {
  readonly process: Executor
  readonly meters: ExecutorMeters
}

/**
 * The executors of leases that were released, parked for the next lease of the same tenant with the same functions. They
 * have what nobody has leased, and no more workers than the node has cores: whenever that is too little, those that are
 * kept longest are killed.
 */
export class KeptExecutors {
  readonly #options: KeptExecutorsOptions
  readonly #plan = new KeptPlan<KeptExecutor>()
  /** Calls off that we are told of the end of each that is here. */
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

  /** How long one is kept for which a lease has asked for so long. */
  keptMs(askedMs: number): number {
    return this.#closed ? 0 : Math.min(askedMs, this.#options.keepWarmMsMax)
  }

  /** Keeps one that has just been parked; what its lease had is given back. It is ours from here on. */
  keep(executor: KeptExecutor, what: KeptFor, keepMs: number): void {
    if (this.#closed) return void this.#stop(executor)
    this.#forget.set(
      executor,
      // Whatever has ended it: nobody has lost anything.
      executor.process.onExit(() => {
        if (this.#plan.remove(executor)) void this.#leave([executor])
      }),
    )
    this.#plan.add(executor, what, this.#options.clock.nowMonotonicMs() + keepMs)
    void this.makeRoom()
    this.#changed()
  }

  /** One for a lease like that, or null. */
  take(what: KeptFor): KeptExecutor | null {
    const executor = this.#plan.take(what, this.#options.clock.nowMonotonicMs())
    if (executor === null) return null
    this.#release(executor)
    this.#changed()
    return executor
  }

  /** Kills those whose room is leased by now; resolves when they are gone. */
  async makeRoom(): Promise<void> {
    const { total, free } = this.#options.capacity
    await this.#leave(this.#plan.giveUp({ cores: total.cores, memoryMib: free.memoryMib }))
  }

  /** Resolves when those are gone that were given up. */
  async settled(): Promise<void> {
    await Promise.all(this.#stopping)
  }

  /** Ends all, and keeps none from here on. */
  async close(): Promise<void> {
    this.#closed = true
    void this.#leave(this.#plan.giveUp({ cores: 0, memoryMib: 0 }))
    await this.settled()
  }

  /** They are not in the plan any more. */
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
      // Timers may be a moment early.
      this.#arm()
    }
    this.#cancelTimer = dueMs === null ? null : clock.after(Math.max(0, dueMs - clock.nowMonotonicMs()), onDue)
  }
}
