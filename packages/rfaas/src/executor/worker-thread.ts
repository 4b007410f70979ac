import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import type { ConnectionHandle } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import type { FromWorker, LoadMessage, ToWorker } from './thread-messages.ts'

const WORKER_FILE = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)

type Answer<K extends FromWorker['kind']> = Extract<FromWorker, { kind: K }>

/** One worker thread as its supervisor sees it: prepared, then loaded, then serving its client; perhaps loaded again. */
export class WorkerThread {
  /** Its own code is loaded. Rejects as `failed` does. */
  readonly prepared: Promise<unknown>
  readonly #worker: Worker
  readonly #failed = Promise.withResolvers<never>()
  #answer = Promise.withResolvers<FromWorker>()
  #isLoaded = false
  #isRehearsal = false
  /** It has said how its lease ended, or was terminated: that it exits then is no failure. */
  #isOver = false
  #hasExited = false

  /** @param heapMib its heap; the process's flag --max-old-space-size has the last word, and should say the same */
  constructor(heapMib: number) {
    this.#worker = new Worker(WORKER_FILE, { resourceLimits: { maxOldGenerationSizeMb: heapMib } })
    this.#worker.on('message', (message: FromWorker) => this.#hear(message))
    // What the functions' module threw outside of any invocation, or a heap that is full: it is not to be trusted further.
    this.#worker.on('error', (error) => this.#failed.reject(error))
    this.#worker.on('exit', (code) => {
      this.#hasExited = true
      if (!this.#isOver) this.#failed.reject(exited(code, this.#isLoaded))
    })
    // Told to those who wait for an answer, too.
    this.#failed.promise.catch(() => {})
    this.prepared = this.#next('prepared')
    this.prepared.catch(() => {})
  }

  /** Rejects when it fails or crashes, at whatever stage; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /** Imports the functions. @throws {RfaasError} `module_failed`, `executor_start_failed`; what the module throws late */
  async load(message: Omit<LoadMessage, 'kind'>): Promise<Answer<'loaded'>> {
    await this.prepared
    if (this.#hasExited) throw new RfaasError('executor_start_failed', 'Cannot use a worker again: it has exited')
    this.#isOver = false
    this.#isRehearsal = message.isRehearsal
    this.#say({ kind: 'load', ...message })
    return this.#next('loaded')
  }

  /** Hands over the connection that it serves from now on; tells why it stopped. */
  async serve(handle: ConnectionHandle): Promise<Answer<'ended'>> {
    this.#isLoaded = true
    this.#say({ kind: 'attach', handle })
    return this.#next('ended')
  }

  /** Ends it; that is no failure. */
  async terminate(): Promise<void> {
    this.#isOver = true
    await this.#worker.terminate()
  }

  #say(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #hear(message: FromWorker): void {
    if (message.kind === 'failed') return this.#failed.reject(failure(message))
    // Now, for Node may tell of the exit in the same turn, before anybody who awaits the message has heard it.
    if (message.kind === 'ended' && !this.#isRehearsal) this.#isOver = true
    this.#answer.resolve(message)
    this.#answer = Promise.withResolvers()
  }

  async #next<K extends FromWorker['kind']>(kind: K): Promise<Answer<K>> {
    const message = await Promise.race([this.#answer.promise, this.#failed.promise])
    if (message.kind === kind) return message as Answer<K>
    throw new RfaasError('internal', `Cannot start a worker: it said ${message.kind}, not ${kind}`)
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
