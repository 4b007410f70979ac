import { RfaasError } from '../errors.ts'
import { EXIT_CLIENT_GONE, type ReadyMessage } from '../executor/messages.ts'
import type { Clock } from '../clock.ts'
import type { ProcessExit, StartOrder } from './executor-process.ts'
import type { Executor, ExecutorMeters, Executors, TakenExecutor } from './executors.ts'

/** An executor that runs nothing: the test says when it is ready, what it has metered, and how it ends. */
export class FakeExecutor implements Executor {
  readonly kind = 'process'
  readonly lastOutput = ''
  readonly exited: Promise<ProcessExit>
  invocations = 0
  areMetersOpen = true
  isGone = false
  /** Whether it runs an invocation: then it does not end before that is over. */
  isBusy = false
  readonly #clock: Clock
  readonly #exit = Promise.withResolvers<ProcessExit>()
  readonly #answer = Promise.withResolvers<ReadyMessage>()
  readonly #listeners = new Set<(exit: ProcessExit) => void>()
  #workers = 0
  #isDraining = false
  #cancelKill: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.exited = this.#exit.promise
    this.#answer.promise.catch(() => {})
  }

  onExit(listener: (exit: ProcessExit) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  start({ secrets }: StartOrder): void {
    this.#workers = secrets.length
  }

  ready(): Promise<ReadyMessage> {
    return this.#answer.promise
  }

  /** Its workers can be reached, or it has failed to start. */
  answer(isGood: boolean): void {
    const addresses = Array.from({ length: this.#workers }, (_, worker) => `worker ${worker}`)
    if (isGood) this.#answer.resolve({ kind: 'ready', addresses, functions: [], loadMs: 0 })
    else this.#answer.reject(new RfaasError('module_failed', 'Cannot start executor: told to'))
  }

  async park(graceMs: number): Promise<boolean> {
    await this.stop(graceMs)
    return false
  }

  drain(): void {
    this.#isDraining = true
    if (!this.isBusy) this.end(0)
  }

  /** It has finished what it ran. */
  finish(): void {
    this.isBusy = false
    if (this.#isDraining) this.end(0)
  }

  stop(graceMs: number): Promise<ProcessExit> {
    if (graceMs === 0) this.end(null)
    else {
      this.drain()
      if (!this.isGone) this.#cancelKill ??= this.#clock.after(graceMs, () => this.end(null))
    }
    return this.exited
  }

  loseClient(): void {
    this.end(EXIT_CLIENT_GONE)
  }

  end(code: number | null): void {
    if (this.isGone) return
    this.isGone = true
    this.#cancelKill?.()
    const exit = { code, how: code === null ? 'was ended by signal SIGKILL' : `ended with code ${code}` }
    this.#answer.reject(new RfaasError('executor_start_failed', `Cannot start executor: the process ${exit.how}`))
    this.#exit.resolve(exit)
    // As of a real one, later than its end.
    void this.exited.then(() => this.#listeners.forEach((listener) => listener(exit)))
  }
}

/** Gives fake executors, and keeps them all. */
export class FakeExecutors implements Executors {
  readonly state = { size: 0, ready: 0, memoryMib: 0 }
  readonly made: FakeExecutor[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  take(): TakenExecutor {
    const process = new FakeExecutor(this.#clock)
    this.made.push(process)
    return { process, meters: metersOf(process), coldReason: 'a fake' }
  }
}

function metersOf(executor: FakeExecutor): ExecutorMeters {
  let last = 0
  return {
    read: () => {
      if (executor.areMetersOpen) last = executor.invocations
      return { hotPollingNs: 0, executionNs: 0, invocations: last }
    },
    begunBy: () => executor.invocations,
    handOver: () => metersOf(executor),
    close: () => {
      last = executor.invocations
      executor.areMetersOpen = false
    },
  }
}
