import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import { METER_BYTES } from '../accounting/meters.ts'
import type {
  EndWorkerMessage,
  ExecutorNews,
  FromExecutor,
  ReadyMessage,
  RestartMessage,
  ToExecutor,
} from '../executor/messages.ts'
import type { ExecutorThreadData } from '../executor/thread.ts'
import type { OutputStream } from '../executor/output-stream.ts'
import { reasonOf, stackOf } from '../thrown.ts'
import { executorEnvironment } from './executor-environment.ts'
import type { ProcessExit, StartOrder } from './executor-process.ts'
import { startFailed, startRefused } from './start-failures.ts'
import type { Executor, Executors, TakenExecutor } from './executors.ts'
import { EXECUTOR_OUTPUT_BYTES, EXECUTOR_OUTPUT_LINES } from './limits.ts'
import { MeterPage } from './meter-page.ts'
import { OutputLines } from './output-lines.ts'
import { OutputRing } from './output-ring.ts'
import type { ExecutorShape } from './pool-plan.ts'

const PROGRAM = new URL(`../executor/thread${extname(import.meta.filename)}`, import.meta.url)

/**
 * An executor that is a thread of this process. Its functions are not kept apart from this process: they can end it, and
 * use its memory and its working directory. What they start is not ended with it.
 */
export class ExecutorThread implements Executor {
  readonly kind = 'thread'
  /** Settles when the thread is gone and its output is read completely. Never rejects. */
  readonly exited: Promise<ProcessExit>
  readonly #worker: Worker
  readonly #output = new OutputRing(EXECUTOR_OUTPUT_BYTES)
  /** Of standard output and of standard error. */
  #lines: (OutputLines | undefined)[] = []
  readonly #answer = Promise.withResolvers<FromExecutor>()
  readonly #exitListeners = new Set<(exit: ProcessExit) => void>()
  #newsListener: ((news: ExecutorNews) => void) | null = null
  #stopping: Promise<ProcessExit> | null = null

  /**
   * Starts the thread. What fails from then on is reported by `ready` and `exited`.
   *
   * @param isOwnProgram as in ExecutorProcessOptions
   * @param program what the thread runs. Default: the executor
   * @throws when this process may start no thread
   */
  constructor(data: ExecutorThreadData, isOwnProgram: boolean, program: URL = PROGRAM) {
    // stdout and stderr: kept for messages, as a process's output is.
    this.#worker = new Worker(program, {
      workerData: data,
      stdout: true,
      stderr: true,
      env: executorEnvironment(process.env, isOwnProgram),
      execArgv: ['--enable-source-maps'],
      name: 'rfaas-executor',
    })
    for (const [index, stream] of [this.#worker.stdout, this.#worker.stderr].entries()) {
      stream.on('data', (chunk: Buffer) => {
        this.#output.push(chunk)
        this.#lines[index]?.push(chunk)
      })
    }
    this.#worker.on('message', (message: FromExecutor) => {
      if (message.kind === 'worker-ended' || message.kind === 'worker-restarted') this.#newsListener?.(message)
      else this.#answer.resolve(message)
    })
    // An uncaught exception; `exit` follows.
    this.#worker.on('error', (error) => this.#output.push(Buffer.from(`${stackOf(error) || reasonOf(error)}\n`)))
    this.exited = this.#watchExit()
    void this.exited.then((exit) => this.#exitListeners.forEach((listener) => listener(exit)))
  }

  get lastOutput(): string {
    const lines = this.#output.lastLines(EXECUTOR_OUTPUT_LINES)
    return lines === '' ? '' : `; its last output:\n${lines}`
  }

  onExit(listener: (exit: ProcessExit) => void): () => void {
    this.#exitListeners.add(listener)
    return () => this.#exitListeners.delete(listener)
  }

  onOutput(listener: (line: string, stream: OutputStream) => void): () => void {
    const lines = ([1, 2] as const).map((stream) => new OutputLines((line) => listener(line, stream)))
    this.#lines = lines
    return () => {
      this.#lines = []
      for (const each of lines) each.flush()
    }
  }

  onNews(listener: (news: ExecutorNews) => void): () => void {
    this.#newsListener = listener
    return () => (this.#newsListener = null)
  }

  restartWorker(order: Omit<RestartMessage, 'kind'>): void {
    this.#say({ kind: 'restart', ...order })
  }

  endWorker(order: Omit<EndWorkerMessage, 'kind'>): void {
    this.#say({ kind: 'end-worker', ...order })
  }

  /** Call it once: a thread serves one lease. */
  start(order: StartOrder): void {
    this.#say({ kind: 'start', ...order })
  }

  async ready(timeoutMs: number): Promise<ReadyMessage> {
    const { promise: failed, reject } = Promise.withResolvers<never>()
    const fail = (how: string): void => reject(startFailed('executor_start_failed', `${how}${this.lastOutput}`))
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    void this.exited.then(({ how }) => fail(`the thread ${how}`))
    // When both have happened, the answer is the reason for the exit.
    const answer = await Promise.race([this.#answer.promise, failed]).finally(() => clearTimeout(timer))
    if (answer.kind === 'failed') throw startRefused(answer)
    return answer as ReadyMessage
  }

  /** Never parks: nothing could stop the timers that its functions may have left. */
  async park(graceMs: number): Promise<boolean> {
    await this.stop(graceMs)
    return false
  }

  drain(): void {
    this.#say({ kind: 'drain' })
  }

  stop(graceMs: number): Promise<ProcessExit> {
    if (graceMs === 0) void this.#worker.terminate()
    return (this.#stopping ??= this.#drain(graceMs))
  }

  async #drain(graceMs: number): Promise<ProcessExit> {
    if (graceMs > 0) this.drain()
    const timer = setTimeout(() => void this.#worker.terminate(), graceMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  async #watchExit(): Promise<ProcessExit> {
    // Not `once` of node:events, which rejects when an `error` comes first.
    const code = await new Promise<number>((resolve) => this.#worker.once('exit', resolve))
    // Lets the output that is on its way arrive.
    await new Promise((resolve) => setImmediate(resolve))
    return { code, how: `ended with code ${code}` }
  }

  #say(message: ToExecutor): void {
    this.#worker.postMessage(message)
  }
}

/** Executors that are threads. None is kept ready: a thread of this process starts soon enough. */
export class ExecutorThreads implements Executors {
  readonly state = { size: 0, ready: 0, memoryMib: 0 }
  readonly #isOwnProgram: boolean

  constructor(isOwnProgram: boolean) {
    this.#isOwnProgram = isOwnProgram
  }

  take({ workers, heapMib }: ExecutorShape): TakenExecutor {
    const buffer = new SharedArrayBuffer(workers * METER_BYTES)
    const meters = new MeterPage(workers, { fd: -1, buffer, close: () => {} })
    const coldReason = 'executors that are threads are not kept ready'
    return { process: new ExecutorThread({ meterPage: buffer, heapMib }, this.#isOwnProgram), meters, coldReason }
  }

  /** The leases end their executors. */
  async close(): Promise<void> {}
}
