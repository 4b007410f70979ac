import { randomUUID } from 'node:crypto'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { MESSAGES_FD } from '../executor/messages.ts'
import type {
  EndWorkerMessage,
  ExecutorNews,
  FailedMessage,
  FromExecutor,
  PrepareMessage,
  ReadyMessage,
  RestartMessage,
  StartMessage,
  ToExecutor,
} from '../executor/messages.ts'
import type { OutputStream } from '../executor/output-stream.ts'
import { encodeMessage, MessageReader } from '../executor/pipe.ts'
import { shortageAdvice } from '../shortage.ts'
import { systemClock, type Clock } from '../clock.ts'
import { toBackground, toForeground } from './background.ts'
import { BoundedWorkFolder } from './bounded-work-folder.ts'
import {
  EXECUTOR_GONE_GRACE_MS,
  EXECUTOR_OUTPUT_BYTES,
  EXECUTOR_OUTPUT_LINES,
  WORK_FOLDER_BYTES_MAX,
} from './limits.ts'
import { readMessage } from './executor-message.ts'
import type { Executor } from './executors.ts'
import { continueMarked, endMarked, stopMarked } from './marked-processes.ts'
import { OutputLines } from './output-lines.ts'
import { OutputRing } from './output-ring.ts'
import type { ExecutorProcessOptions } from './executor-process-options.ts'
import { spawnExecutor } from './spawn-executor.ts'
import { startFailed, startRefused } from './start-failures.ts'

/**
 * How long to wait for the output pipes after the process is gone: a process that it left behind may hold them open.
 */
const OUTPUT_CLOSE_MS_MAX = 200

/** The byte that ends each message. */
const NEWLINE = 0x0a

/** The content of the `start` message. */
export type StartOrder = Omit<StartMessage, 'kind' | 'workFolder'>
export type PrepareOrder = Omit<PrepareMessage, 'kind'>

/** How a process ended. */
export interface ProcessExit {
  /** null when a signal or this node ended the process, or when it could not be started. */
  readonly code: number | null
  /** How it ended, such as "ended with code 1" or "was killed: it closed …". */
  readonly how: string
}

/**
 * One executor process, from its start to its end: optionally told to `prepare`, then to `start`, then optionally to
 * `park` and to `start` again. It answers each message once, and reports what becomes of its workers; anything else on
 * the pipe was written by a function.
 */
export class ExecutorProcess implements Executor {
  readonly kind = 'process'
  /** Absent when the process could not be started. */
  readonly pid: number | undefined
  /** Settles when the process is gone and its output is read completely. Never rejects. */
  readonly exited: Promise<ProcessExit>
  readonly #child: ChildProcess
  /**
   * The message pipe; absent when the process could not be started. Untrusted, because functions can write to it, too.
   */
  readonly #pipe: Socket | undefined
  readonly #reader = new MessageReader()
  #workerCount = 0
  /**
   * Mark in the executor's environment. It finds the processes that functions have started, in any group or session.
   */
  readonly #mark = randomUUID()
  /** The tail of the queue that stops and continues marked processes, one operation after the other. */
  #marking: Promise<unknown> = Promise.resolve()
  /** Working directory of the lease; null when there is none. */
  #workFolder: BoundedWorkFolder | null = null
  readonly #folderOptions: { readonly bytesMax: number; readonly clock: Clock }
  /** Whether a tenant's functions may have run in the process. */
  #wasStarted = false
  readonly #output = new OutputRing(EXECUTOR_OUTPUT_BYTES)
  /** Of standard output and of standard error. */
  #lines: (OutputLines | undefined)[] = []
  readonly #preparation = Promise.withResolvers<FailedMessage | null>()
  #answer = Promise.withResolvers<FailedMessage | ReadyMessage>()
  #parking = Promise.withResolvers<true>()
  /** Answers that the executor still has to send. */
  #owed: ('prepared' | 'answer' | 'parked')[] = []
  #isInBackground: boolean
  /** Whether the process is stopped by SIGSTOP. */
  #isStopped = false
  readonly #exitListeners = new Set<(exit: ProcessExit) => void>()
  #newsListener: ((news: ExecutorNews) => void) | null = null
  /** What its functions did for which the process is killed; null: nothing. */
  #offence: string | null = null
  #isGone = false
  #stopping: Promise<ProcessExit> | null = null

  /** Starts the process. Failures are reported by `prepared`, `ready` and `exited`. */
  constructor(options: ExecutorProcessOptions) {
    const { inBackground = false, workFolderBytesMax = WORK_FOLDER_BYTES_MAX, clock = systemClock } = options
    this.#folderOptions = { bytesMax: workFolderBytesMax, clock }
    this.#child = spawnExecutor(options, this.#mark)
    this.pid = this.#child.pid
    this.#isInBackground = inBackground && this.pid !== undefined
    if (this.#isInBackground) toBackground(this.pid!)
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#print(this.#lines[0], chunk))
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#print(this.#lines[1], chunk))
    this.#pipe = this.#child.stdio?.[MESSAGES_FD] as Socket | undefined
    this.#pipe?.on('data', (chunk: Buffer) => this.#hear(chunk))
    // Always followed by `close`; without a listener it would be an uncaught exception here.
    for (const stream of [this.#child.stdout, this.#child.stderr, this.#pipe]) stream?.on('error', () => {})
    this.exited = this.#watchExit()
    void this.exited.then((exit) => this.#exitListeners.forEach((listener) => listener(exit)))
  }

  /**
   * Calls `listener` when the process is gone, unless it is gone already. Returns a function that removes the listener,
   * for callers that let go of the process earlier.
   */
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
    this.#send({ kind: 'restart', ...order })
  }

  endWorker(order: Omit<EndWorkerMessage, 'kind'>): void {
    this.#send({ kind: 'end-worker', ...order })
  }

  /** Tells the executor to load what every lease needs. Call it once, before `start`. */
  prepare(order: PrepareOrder): void {
    this.#owed.push('prepared')
    this.#send({ kind: 'prepare', ...order })
  }

  /** Makes this the executor of a lease. Call it once, and once more after each time that it was parked. */
  start(order: StartOrder): void {
    if (this.#isStopped) this.#resume()
    if (this.#isInBackground) toForeground(this.pid!)
    this.#isInBackground = false
    this.#workerCount = order.secrets.length
    this.#wasStarted = true
    this.#owed.push('answer')
    const onFull = (reason: string): void => this.#convict(reason)
    if (this.pid !== undefined && !this.#isGone) {
      this.#workFolder = new BoundedWorkFolder(this.pid, { ...this.#folderOptions, onFull })
    }
    this.#send({ kind: 'start', ...order, workFolder: this.#workFolder?.path ?? '' })
  }

  /** The last lines of the process's output, starting on a new line; empty when there was no output. */
  get lastOutput(): string {
    const lines = this.#output.lastLines(EXECUTOR_OUTPUT_LINES)
    return lines === '' ? '' : `; its last output:\n${lines}`
  }

  /**
   * Waits until the executor has done what `prepare` asks for. Call it once.
   *
   * @throws {RfaasError} `executor_start_failed` with the reason and the last output
   */
  async prepared(timeoutMs: number): Promise<void> {
    const failed = await this.#within(timeoutMs, this.#preparation.promise)
    if (failed !== null) throw startRefused(failed)
  }

  /**
   * Waits until the workers can be reached. Call it once, after each `start`.
   *
   * @throws {RfaasError} `executor_start_failed`, `module_failed` or `unsupported`, with the reason and the last output
   */
  async ready(timeoutMs: number): Promise<ReadyMessage> {
    const answer = await this.#within(timeoutMs, this.#answer.promise)
    if (answer.kind === 'failed') throw startRefused(answer)
    return answer
  }

  /**
   * Lets the executor finish its running invocations and then stay for another `start`, if it can. Otherwise it ends by
   * itself, or is killed after `graceMs`. While parked it does not run at all, nor do processes that its functions
   * started.
   *
   * @returns whether it is parked; if not, it is gone
   */
  async park(graceMs: number): Promise<boolean> {
    this.#parking = Promise.withResolvers()
    this.#owed.push('parked')
    this.#send({ kind: 'park' })
    const timer = setTimeout(() => this.kill(), graceMs)
    const gone = Promise.withResolvers<false>()
    const forget = this.onExit(() => gone.resolve(false))
    if (this.#isGone) gone.resolve(false)
    try {
      return await Promise.race([this.#parking.promise, gone.promise])
    } finally {
      clearTimeout(timer)
      forget()
    }
  }

  /** Lets the executor finish its running invocations; it then ends by itself. */
  drain(): void {
    this.#send({ kind: 'drain' })
  }

  /**
   * Lets the executor finish its running invocations, and kills it after `graceMs`. A later call does not extend the
   * grace.
   */
  stop(graceMs: number): Promise<ProcessExit> {
    if (graceMs === 0) this.kill()
    return (this.#stopping ??= this.#drain(graceMs))
  }

  kill(): void {
    if (!this.#isGone) this.#killGroup()
  }

  async #drain(graceMs: number): Promise<ProcessExit> {
    if (graceMs > 0) this.drain()
    const timer = setTimeout(() => this.kill(), graceMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  async #within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
    const { promise: never, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      reject(startFailed('executor_start_failed', `no answer within ${timeoutMs} ms${this.lastOutput}`))
    }, timeoutMs)
    const fail = ({ how }: ProcessExit): void => {
      reject(startFailed('executor_start_failed', `the process ${how}${this.lastOutput}`))
    }
    const forget = this.onExit(fail)
    if (this.#isGone) void this.exited.then(fail)
    try {
      return await Promise.race([answer, never])
    } finally {
      forget()
      clearTimeout(timer)
    }
  }

  /**
   * Handles data from the pipe: owed answers of the executor, news of its workers, and whatever functions write there.
   */
  #hear(chunk: Buffer): void {
    const isUnasked = this.#owed.length === 0
    try {
      // News are written at once, and short enough to arrive at once.
      if (isUnasked && chunk.at(-1) !== NEWLINE) throw new Error('part of a line')
      for (const value of this.#reader.push(chunk)) this.#take(readMessage(value, this.#workerCount))
    } catch (error) {
      const what = isUnasked ? ' after its one answer' : `: ${(error as Error).message}`
      this.#convict(`it wrote to descriptor ${MESSAGES_FD}${what}`)
    }
  }

  #take(message: FromExecutor | null): void {
    if (message?.kind === 'worker-ended' || message?.kind === 'worker-restarted') {
      // Nobody listens before the executor is ready, or after its lease has ended.
      return this.#newsListener?.(message)
    }
    const owed = this.#owed.shift()
    if (message?.kind === 'prepared' && owed === 'prepared') return this.#preparation.resolve(null)
    if (message?.kind === 'failed' && owed !== undefined) {
      // An executor that could not be prepared cannot start either, so nothing else is owed.
      this.#owed = []
      this.#preparation.resolve(message)
      return this.#answer.resolve(message)
    }
    if (message?.kind === 'ready' && owed === 'answer') return this.#answer.resolve(message)
    if (message?.kind === 'parked' && owed === 'parked') return this.#hold()
    throw new Error('a line that is not its one answer')
  }

  /** Kills a process whose functions did what they must not, such as to touch the pipe of executor and node. */
  #convict(offence: string): void {
    if (this.#offence !== null) return
    this.#offence = offence
    this.kill()
    // Do not read the rest; there may be much more.
    this.#pipe?.destroy()
  }

  #print(lines: OutputLines | undefined, chunk: Buffer): void {
    this.#output.push(chunk)
    lines?.push(chunk)
  }

  async #watchExit(): Promise<ProcessExit> {
    const { promise, resolve } = Promise.withResolvers<ProcessExit>()
    const closed = Promise.withResolvers<undefined>()
    this.#child.once('close', () => closed.resolve(undefined))
    this.#child.on('error', (error) => {
      // `error` also comes when a kill failed; it means the end only when there is no process.
      if (this.pid === undefined)
        resolve({ code: null, how: `could not be started: ${error.message}${shortageAdvice(error)}` })
    })
    // Usually the pipe ends because the process has ended; its `exit` event then follows.
    let closing: NodeJS.Timeout | undefined
    const onAlive = (): void => {
      if (!this.#isGone) this.#convict(`it closed descriptor ${MESSAGES_FD}`)
    }
    const onPipeEnd = (): void => {
      if (this.#isGone || this.pid === undefined) return
      // If this process was busy, its `exit` event may still be queued; setImmediate lets that event come first.
      closing ??= setTimeout(() => setImmediate(onAlive), EXECUTOR_GONE_GRACE_MS)
    }
    this.#pipe?.once('end', onPipeEnd)
    this.#pipe?.once('close', onPipeEnd)
    this.#child.once('exit', (code, signal) => {
      clearTimeout(closing)
      resolve({ code, how: signal === null ? `ended with code ${code}` : `was ended by signal ${signal}` })
    })
    const exit = await promise
    this.#isGone = true
    if (this.pid === undefined) return exit
    // Also kills what its functions started. Then the pipes close, and all output has been read.
    this.#killGroup()
    const ended = this.#wasStarted ? this.#marking.then(() => endMarked(this.#mark)) : null
    const giveUp = setTimeout(() => {
      this.#child.stdout?.destroy()
      this.#child.stderr?.destroy()
      this.#pipe?.destroy()
    }, OUTPUT_CLOSE_MS_MAX)
    await closed.promise
    clearTimeout(giveUp)
    await ended
    await this.#removeWorkFolder()
    return this.#offence === null ? exit : { code: null, how: `was killed: ${this.#offence}` }
  }

  /** Stops the parked process and what its functions left behind (timers, threads, processes): no lease uses it now. */
  #hold(): void {
    this.#isStopped = true
    this.#signalGroup('SIGSTOP')
    this.#output.clear()
    this.#answer = Promise.withResolvers()
    this.#marking = stopMarked(this.#mark, this.pid!)
      .then(() => this.#removeWorkFolder())
      .then(() => this.#parking.resolve(true))
  }

  async #removeWorkFolder(): Promise<void> {
    const folder = this.#workFolder
    this.#workFolder = null
    await folder?.remove()
  }

  #resume(): void {
    this.#isStopped = false
    if (this.#isGone) return
    this.#signalGroup('SIGCONT')
    this.#marking = this.#marking.then(() => continueMarked(this.#mark, this.pid!))
  }

  #killGroup(): void {
    this.#signalGroup('SIGKILL')
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return
    try {
      process.kill(-this.pid, signal)
    } catch (error) {
      // ESRCH: the process group is gone.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  #send(message: ToExecutor): void {
    // A process that is gone gets no message; callers that wait learn of its end from `exited`.
    if (this.#pipe?.writable) this.#pipe.write(encodeMessage(message))
  }
}
