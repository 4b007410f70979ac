import type { EndWorkerMessage, ExecutorNews, ReadyMessage, RestartMessage } from '../executor/messages.ts'
import type { OutputStream } from '../executor/output-stream.ts'
import type { Metered } from './meter-page.ts'
import type { ProcessExit, StartOrder } from './executor-process.ts'
import type { ExecutorShape } from './pool-plan.ts'

/** What an allocation does with its executor. */
export interface Executor {
  /** What it is; names it in a sentence. */
  readonly kind: 'process' | 'thread'
  /** Settles when neither the executor nor anything it started runs any more. Never rejects. */
  readonly exited: Promise<ProcessExit>
  /** The last lines of its output, for a message; empty when there was none. */
  readonly lastOutput: string
  /** Calls `listener` once when the executor has ended. @returns a function that removes the listener */
  onExit(listener: (exit: ProcessExit) => void): () => void
  /**
   * Calls `listener` with each line that it prints from now on.
   *
   * @returns a function that passes on what is left and removes the listener
   */
  onOutput?(listener: (line: string, stream: OutputStream) => void): () => void
  /** Calls `listener` when a worker has ended, or can be reached again. @returns a function that removes the listener */
  onNews?(listener: (news: ExecutorNews) => void): () => void
  /** Has a worker that has ended listen again. Call it once for each `worker-ended`. */
  restartWorker?(order: Omit<RestartMessage, 'kind'>): void
  /** Ends a worker, whatever it runs. `worker-ended` follows, unless the worker was restarted meanwhile. */
  endWorker?(order: Omit<EndWorkerMessage, 'kind'>): void
  /** Makes this the executor of a lease. Call it once, and once more after each time that it was parked. */
  start(order: StartOrder): void
  /** Waits until its workers can be reached. @throws {RfaasError} why they never will be */
  ready(timeoutMs: number): Promise<ReadyMessage>
  /**
   * Lets the executor finish its running invocations and then wait for the next lease; kills it after `graceMs`.
   *
   * @returns whether it is parked; if not, it is gone
   */
  park(graceMs: number): Promise<boolean>
  /** Lets the executor finish its running invocations; it then ends by itself. */
  drain(): void
  /**
   * Lets the executor finish its running invocations, and kills it after `graceMs`. A later call does not extend the
   * grace.
   */
  stop(graceMs: number): Promise<ProcessExit>
}

/** The meters of an executor, which outlive it. */
export interface ExecutorMeters {
  read(): Metered
  /** How many invocations one worker has begun, as it says itself. */
  begunBy(worker: number): number
  /** Closes these meters, and returns new ones for the same executor, at zero. No worker may meter during the call. */
  handOver(): ExecutorMeters
  close(): void
}

/**
 * An executor for one lease, not yet started as such. The taker owns it: it stops the executor and closes its meters.
 */
export interface TakenExecutor {
  readonly process: Executor
  readonly meters: ExecutorMeters
  /** Why it did not come from the pool; null when it did. */
  readonly coldReason: string | null
}

/** State of the executor pool of a node. */
export interface PoolState {
  /** Executors that the pool aims to keep ready. */
  readonly size: number
  /** Executors that are ready now. */
  readonly ready: number
  /** Memory that the ready executors use on the machine, in addition to leased memory. */
  readonly memoryMib: number
}

/** Source of executors; each serves one lease and none comes back. */
export interface Executors {
  readonly state: PoolState
  take(asked: ExecutorShape): TakenExecutor
}
