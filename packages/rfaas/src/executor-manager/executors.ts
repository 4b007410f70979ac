import type { MeterReading } from '../accounting/meters.ts'
import type { ReadyMessage } from '../executor/messages.ts'
import type { ProcessExit, StartOrder } from './executor-process.ts'
import type { ExecutorShape } from './pool-plan.ts'

/** What an allocation does with its executor; an ExecutorProcess is one. */
export interface Executor {
  /** Settles when nothing of it runs any more. Never rejects. */
  readonly exited: Promise<ProcessExit>
  /** Its last words, for a message; empty when it said nothing. */
  readonly lastOutput: string
  /** Tells how it ended, once it has. @returns calls that off */
  onExit(listener: (exit: ProcessExit) => void): () => void
  /** Makes it the executor of a lease. Call it once, and once more after each time that it was parked. */
  start(order: StartOrder): void
  /** Waits until its workers can be reached. @throws {RfaasError} why they never will be */
  ready(timeoutMs: number): Promise<ReadyMessage>
  /**
   * Lets it finish what it runs, and then wait for the next lease; kills it after `graceMs`.
   *
   * @returns whether it is parked; if not, it is gone
   */
  park(graceMs: number): Promise<boolean>
  /** Lets it finish what it runs; it then ends by itself. */
  drain(): void
  /** Lets it finish what it runs, and kills it after `graceMs`. Calling it again does not prolong that. */
  stop(graceMs: number): Promise<ProcessExit>
}

/** What it has metered, which outlives it. */
export interface ExecutorMeters {
  read(): MeterReading
  /** Closes these, and gives others of the same executor, at zero. Nobody may meter meanwhile. */
  handOver(): ExecutorMeters
  close(): void
}

/** The executor of one lease, not yet started as such; whoever takes it stops it and closes its meters. */
export interface TakenExecutor {
  readonly process: Executor
  readonly meters: ExecutorMeters
  /** Why it did not come from the pool; null when it did. */
  readonly coldReason: string | null
}

/** What a node keeps ready. */
export interface PoolState {
  /** Executors that it keeps ready when nothing hinders it. */
  readonly size: number
  /** Executors that are ready now. */
  readonly ready: number
  /** What they add to the machine's memory, besides what is leased. */
  readonly memoryMib: number
}

/** Where executors come from; each is for one lease and none comes back. */
export interface Executors {
  readonly state: PoolState
  take(asked: ExecutorShape): TakenExecutor
}
