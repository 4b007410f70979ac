import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import { METER_BYTES } from '../accounting/meters.ts'
import type { FromExecutor, ReadyMessage, ToExecutor } from '../executor/messages.ts'
import type { ExecutorThreadData } from '../executor/thread.ts'
import {
  executorEnvironment,
  startFailed,
  startRefused,
  type ProcessExit,
  type StartOrder,
} from './executor-process.ts'
import type { Executor, Executors, TakenExecutor } from './executors.ts'
import { EXECUTOR_OUTPUT_BYTES, EXECUTOR_OUTPUT_LINES } from './limits.ts'
import { MeterPage } from './meter-page.ts'
import { OutputRing } from './output-ring.ts'
import type { ExecutorShape } from './pool-plan.ts'

const PROGRAM = new URL(`../executor/thread${extname(import.meta.filename)}`, import.meta.url)

/**
 * An executor that is a thread of this process. Its functions are not kept apart from this process: they can end it, and
 * use its memory and its working directory. What they start is not ended with it.
 */
export class ExecutorThread implements Executor {
  readonly exited: Promise<ProcessExit>
  readonly #worker: Worker
  readonly #output = new OutputRing(EXECUTOR_OUTPUT_BYTES)
  readonly #answer = Promise.withResolvers<FromExecutor>()
  readonly #exitListeners = new Set<(exit: ProcessExit) => void>()
  #isGone = false
  #stopping: Promise<ProcessExit> | null = null

  constructor(data: ExecutorThreadData) {
    // stdout and stderr: kept for messages, as a process's output is.
    this.#worker = new Worker(PROGRAM, {
      workerData: data,
      stdout: true,
      stderr: true,
      env: executorEnvironment(process.env),
      execArgv: ['--enable-source-maps'],
      name: 'rfaas-executor',
    })
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.on('data', (chunk: Buffer) => this.#output.push(chunk))
    }
    this.#worker.on('message', (message: FromExecutor) => this.#answer.resolve(message))
    this.#worker.on('error', (error) => this.#output.push(Buffer.from(`${error.stack ?? String(error)}\n`)))
    this.exited = this.#watchExit()
  }

  get lastOutput(): string {
    const lines = this.#output.lastLines(EXECUTOR_OUTPUT_LINES)
    return lines === '' ? '' : `; its last output:\n${lines}`
  }

  onExit(listener: (exit: ProcessExit) => void): () => void {
    this.#exitListeners.add(listener)
    return () => this.#exitListeners.delete(listener)
  }

  start(order: StartOrder): void {
    this.#say({ kind: 'start', ...order })
  }

  async ready(timeoutMs: number): Promise<ReadyMessage> {
    const failed = Promise.withResolvers<never>()
    const fail = (how: string): void => failed.reject(startFailed('executor_start_failed', `${how}${this.lastOutput}`))
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    const forget = this.onExit(({ how }) => fail(`the thread ${how}`))
    if (this.#isGone) void this.exited.then(({ how }) => fail(`the thread ${how}`))
    try {
      const answer = await Promise.race([this.#answer.promise, failed.promise])
      if (answer.kind === 'failed') throw startRefused(answer)
      return answer as ReadyMessage
    } finally {
      clearTimeout(timer)
      forget()
    }
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
    const [code] = (await once(this.#worker, 'exit')) as [number]
    this.#isGone = true
    // Lets the output that is on its way arrive.
    await new Promise((resolve) => setImmediate(resolve))
    const exit = { code, how: `ended with code ${code}` }
    for (const listener of this.#exitListeners) listener(exit)
    return exit
  }

  #say(message: ToExecutor): void {
    this.#worker.postMessage(message)
  }
}

/** Executors that are threads. None is kept ready: a thread of this process starts soon enough. */
export class ExecutorThreads implements Executors {
  readonly state = { size: 0, ready: 0, memoryMib: 0 }

  take({ workers, heapMib }: ExecutorShape): TakenExecutor {
    const buffer = new SharedArrayBuffer(workers * METER_BYTES)
    const meters = new MeterPage(workers, { fd: -1, buffer, close: () => {} })
    const coldReason = 'executors that are threads are not kept ready'
    return { process: new ExecutorThread({ meterPage: buffer, heapMib }), meters, coldReason }
  }

  /** The leases end their executors. */
  async close(): Promise<void> {}
}
