import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { RfaasError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { METER_PAGE_FD } from '../executor/messages.ts'
import type { FromExecutor, ReadyMessage, StartMessage, ToExecutor } from '../executor/messages.ts'
import { EXECUTOR_OUTPUT_BYTES, EXECUTOR_OUTPUT_LINES } from '../limits.ts'
import { readMessage } from './executor-message.ts'
import { OutputRing } from './output-ring.ts'

/** After the process is gone, its output pipes may still be held open by a process that it left behind. */
const OUTPUT_CLOSE_MS_MAX = 200

export interface ExecutorProcessOptions {
  executorPath: string
  start: Omit<StartMessage, 'kind'>
  /** Becomes METER_PAGE_FD there. Ours stays ours to close. */
  meterPageFd: number
  /** Of one worker. */
  heapMib: number
}

/** How a process ended. */
export interface ProcessExit {
  /** null when a signal ended it, or when it could not be started. */
  readonly code: number | null
  /** "ended with code 1" and the like. */
  readonly how: string
}

/** One executor process, from its start to its end. */
export class ExecutorProcess {
  /** Absent when the process could not be started. */
  readonly pid: number | undefined
  /** Settles when the process is gone and all that it said is read. Never rejects. */
  readonly exited: Promise<ProcessExit>
  readonly #child: ChildProcess
  readonly #workerCount: number
  readonly #output = new OutputRing(EXECUTOR_OUTPUT_BYTES)
  #isGone = false
  #stopping: Promise<ProcessExit> | null = null

  /** Starts the process. What goes wrong with it is told by `ready` and `exited`. */
  constructor({ executorPath, start, meterPageFd, heapMib }: ExecutorProcessOptions) {
    const stdio: ('ignore' | 'pipe' | 'ipc' | number)[] = ['ignore', 'pipe', 'pipe', 'ipc']
    stdio[METER_PAGE_FD] = meterPageFd
    this.#workerCount = start.secrets.length
    this.#child = fork(executorPath, [], {
      stdio,
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${heapMib}`, '--enable-source-maps', '--disable-warning=ExperimentalWarning'],
      env: executorEnvironment(process.env),
      cwd: '/',
      // A group of its own: Ctrl-C at a terminal is for us, who then drain; and what a function started goes with it.
      detached: true,
    })
    this.pid = this.#child.pid
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#output.push(chunk))
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#output.push(chunk))
    this.exited = this.#watchExit()
    this.#send({ kind: 'start', ...start })
  }

  /** The last lines that the process said, on a line of their own; empty when it said nothing. */
  get lastOutput(): string {
    const lines = this.#output.lastLines(EXECUTOR_OUTPUT_LINES)
    return lines === '' ? '' : `; its last output:\n${lines}`
  }

  /**
   * Waits until the workers can be reached. Call it once, at once.
   *
   * @throws {RfaasError} `executor_start_failed`, `module_failed` or `unsupported`, with the reason and the last output
   */
  async ready(timeoutMs: number): Promise<ReadyMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadyMessage>()
    const fail = (code: ErrorCode, reason: string): void => {
      reject(new RfaasError(code, `Cannot start executor: ${reason}`))
    }
    const onMessage = (raw: unknown): void => {
      const message: FromExecutor | null = readMessage(raw, this.#workerCount)
      if (message?.kind === 'ready') resolve(message)
      else if (message) fail(message.code, message.reason + frames(message.stack))
      else fail('executor_start_failed', 'it said something that is no answer')
    }
    const timer = setTimeout(() => {
      fail('executor_start_failed', `no answer within ${timeoutMs} ms${this.lastOutput}`)
    }, timeoutMs)
    this.#child.once('message', onMessage)
    void this.exited.then(({ how }) => fail('executor_start_failed', `the process ${how}${this.lastOutput}`))
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#child.off('message', onMessage)
    }
  }

  /** Lets it finish what it runs, and kills it after `graceMs`. Calling it again does not prolong that. */
  stop(graceMs: number): Promise<ProcessExit> {
    if (graceMs === 0) this.kill()
    return (this.#stopping ??= this.#drain(graceMs))
  }

  kill(): void {
    if (!this.#isGone) this.#killGroup()
  }

  async #drain(graceMs: number): Promise<ProcessExit> {
    if (graceMs > 0) this.#send({ kind: 'drain' })
    const timer = setTimeout(() => this.kill(), graceMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  async #watchExit(): Promise<ProcessExit> {
    const { promise, resolve } = Promise.withResolvers<ProcessExit>()
    const closed = Promise.withResolvers<undefined>()
    this.#child.once('close', () => closed.resolve(undefined))
    this.#child.on('error', (error) => {
      // Also comes for a message that could not be sent; only without a process is it the end.
      if (this.pid === undefined) resolve({ code: null, how: `could not be started: ${error.message}` })
    })
    this.#child.once('exit', (code, signal) => {
      resolve({ code, how: signal === null ? `ended with code ${code}` : `was ended by signal ${signal}` })
    })
    const exit = await promise
    this.#isGone = true
    if (this.pid === undefined) return exit
    // Whatever its functions started goes too. Then the pipes close, and all that was said has been read.
    this.#killGroup()
    const giveUp = setTimeout(() => {
      this.#child.stdout?.destroy()
      this.#child.stderr?.destroy()
    }, OUTPUT_CLOSE_MS_MAX)
    await closed.promise
    clearTimeout(giveUp)
    return exit
  }

  #killGroup(): void {
    if (this.pid === undefined) return
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch (error) {
      // ESRCH: nothing of it is left.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  #send(message: ToExecutor): void {
    // A process that is gone cannot be told anything; `exited` says so to those who wait.
    if (this.#child.connected) this.#child.send(message, () => {})
  }
}

/** Functions of a tenant run there: what this process was told in its environment is not for them. */
function executorEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = /^(PATH|LANG|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|NODE_V8_COVERAGE|FI_\w+)$/
  return Object.fromEntries(Object.entries(own).filter(([name]) => passed.test(name)))
}

/** The lines of a stack that name places; the sentence before them is in the reason. */
function frames(stack: string): string {
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line))
  return lines
    .slice(0, EXECUTOR_OUTPUT_LINES)
    .map((line) => `\n${line}`)
    .join('')
}
