import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import type { ConnectionHandle } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import { reasonOf, stackOf } from '../thrown.ts'
import { WORKER_END_CHARS_MAX, WORKER_END_MS_MAX } from './limits.ts'
import type { WorkerEndedMessage } from './messages.ts'
import { threadStarted, threadStarts } from './inlining.ts'
import type { FromWorker, LoadMessage, ToWorker, WorkerData } from './thread-messages.ts'

const WORKER_FILE = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)

/**
 * Memory for the young objects of a worker. Node.js lets a full heap grow by 16 MiB while it ends the thread. If one
 * collection moves more than that out of the young space, V8 ends the whole process instead.
 */
const YOUNG_MIB_MAX = 24

type Answer<K extends FromWorker['kind']> = Extract<FromWorker, { kind: K }>

/** Why a worker ended that had a client. */
export type WorkerEnd = Pick<WorkerEndedMessage, 'code' | 'reason' | 'stack'>

/** One worker thread as its supervisor sees it: prepared, then loaded, then serving a client; perhaps loaded again. */
export class WorkerThread {
  /** Resolves when the thread's own code is loaded; rejects as `failed` does. */
  readonly prepared: Promise<unknown>
  readonly #worker: Worker
  readonly #failed = Promise.withResolvers<never>()
  readonly #outputPending = new Int32Array(new SharedArrayBuffer(4))
  #answer = Promise.withResolvers<FromWorker>()
  #isLoaded = false
  #isRehearsal = false
  /** The thread has said that it ended its lease, or was terminated: its exit is no failure then. */
  #isOver = false
  /** {@link end} was called. */
  #isAsked = false
  /** What nobody caught in the thread, or how it failed. */
  #error: unknown = null
  #exitCode = 0
  readonly #exited = Promise.withResolvers<true>()
  #hasExited = false

  /** @param heapMib default: what the process's flag --max-old-space-size says */
  constructor(heapMib?: number) {
    threadStarts()
    const resourceLimits = {
      maxYoungGenerationSizeMb: YOUNG_MIB_MAX,
      ...(heapMib === undefined ? {} : { maxOldGenerationSizeMb: heapMib }),
    }
    this.#worker = new Worker(WORKER_FILE, {
      resourceLimits,
      workerData: { outputPending: this.#outputPending } satisfies WorkerData,
    })
    this.#worker.on('message', (message: FromWorker) => this.#hear(message))
    // The functions' module threw outside of any invocation, or the heap is full: the thread can no longer be trusted.
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', (code) => {
      this.#hasExited = true
      this.#exitCode = code
      this.#exited.resolve(true)
      if (!this.#isOver) this.#failed.reject(exited(code, this.#isLoaded))
    })
    // Not an unhandled rejection: `#next` passes it on as well.
    this.#failed.promise.catch(() => {})
    this.prepared = this.#next('prepared').finally(threadStarted)
    this.prepared.catch(() => {})
  }

  /** Rejects when the thread fails or crashes, at whatever stage; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /**
   * Imports the functions.
   *
   * @throws {RfaasError} `module_failed`, `executor_start_failed`; what the module throws asynchronously meanwhile
   */
  async load(message: Omit<LoadMessage, 'kind'>): Promise<Answer<'loaded'>> {
    await this.prepared
    if (this.#hasExited) throw new RfaasError('executor_start_failed', 'Cannot use a worker again: it has exited')
    this.#isOver = false
    this.#isRehearsal = message.isRehearsal
    this.#say({ kind: 'load', ...message })
    return this.#next('loaded')
  }

  /** Hands over the connection to serve; resolves when the worker has stopped serving it. */
  async serve(handle: ConnectionHandle): Promise<Answer<'ended'>> {
    this.#isLoaded = true
    this.#say({ kind: 'attach', handle })
    return this.#next('ended')
  }

  /** Ends the thread; its exit is no failure. */
  async terminate(): Promise<void> {
    this.#isOver = true
    await this.#worker.terminate()
  }

  /**
   * Ends the thread although it serves: `serve` then rejects. Code in JavaScript, and a sleep in native code that listens
   * to termination, end within milliseconds.
   *
   * @returns whether the thread has exited within WORKER_END_MS_MAX
   */
  async end(): Promise<boolean> {
    this.#isAsked = true
    return this.#exit()
  }

  /**
   * Waits until nothing of a thread runs for which `serve` has rejected.
   *
   * @returns why it ended; null when it has not exited within WORKER_END_MS_MAX
   */
  async over(): Promise<WorkerEnd | null> {
    if (!(await this.#exit())) return null
    const stack = this.#error === null ? '' : stackOf(this.#error).slice(-WORKER_END_CHARS_MAX)
    const [code, reason] = this.#reason()
    return { code, reason: reason.slice(0, WORKER_END_CHARS_MAX), stack }
  }

  #reason(): [WorkerEnd['code'], string] {
    const error = this.#error
    if (error !== null) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
        return ['out_of_memory', 'its heap is full']
      return ['worker_crashed', `nobody caught ${reasonOf(error)}`]
    }
    if (this.#isAsked) return ['worker_ended', 'an invocation on it went on after its caller had given up']
    return ['worker_exited', `a function called process.exit(${this.#exitCode})`]
  }

  async #exit(): Promise<boolean> {
    if (this.#hasExited) return true
    void this.#worker.terminate()
    const late = Promise.withResolvers<false>()
    const timer = setTimeout(() => late.resolve(false), WORKER_END_MS_MAX)
    try {
      return await Promise.race([this.#exited.promise, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #fail(error: unknown): void {
    this.#error ??= error
    this.#failed.reject(error)
  }

  #say(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #hear(message: FromWorker): void {
    if (message.kind === 'output') return this.#print(message)
    if (message.kind === 'failed') return this.#fail(failure(message))
    // Set it now: Node may report the exit in the same turn, before the code that awaits this message runs.
    if (message.kind === 'ended' && !this.#isRehearsal) this.#isOver = true
    this.#answer.resolve(message)
    this.#answer = Promise.withResolvers()
  }

  /** Passes on what functions have printed; the worker may send as much more once it is written. */
  #print({ stream, bytes }: Answer<'output'>): void {
    const taken = (): void => void Atomics.sub(this.#outputPending, 0, bytes.length)
    // Called also when it cannot be written.
    ;(stream === 1 ? process.stdout : process.stderr).write(bytes, taken)
  }

  async #next<K extends FromWorker['kind']>(kind: K): Promise<Answer<K>> {
    const message = await Promise.race([this.#answer.promise, this.#failed.promise])
    if (message.kind === kind) return message as Answer<K>
    throw new RfaasError('internal', `Cannot start a worker: it sent ${message.kind} instead of ${kind}`)
  }
}

function exited(code: number, isLoaded: boolean): RfaasError {
  return isLoaded
    ? new RfaasError('executor_lost', `A function ended its worker: process.exit(${code})`)
    : new RfaasError('executor_start_failed', `Cannot start a worker: it exited with ${code}`)
}

function failure(message: Answer<'failed'>): RfaasError {
  const cause = new Error(message.reason)
  cause.stack = message.stack
  return new RfaasError(message.code, message.reason, { cause })
}
