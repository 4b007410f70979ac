import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { reasonAgainst } from '@rfaas/fabric'

import { RfaasError, toRfaasError } from '../errors.ts'
import { refuseWhileLoading } from '../loading.ts'
import { LOCAL_HALT_MS_MAX } from './limits.ts'
import { bundledAdvice } from './bundle/bundled-advice.ts'
import { connectWith, type Cluster } from './cluster.ts'
import { clientEvents, type ClientEvent } from './events.ts'
import type { FromLocalThread, ToLocalThread } from './local-messages.ts'
import { callerOf } from './unreleased/caller.ts'

/** The thread program, in the same form as this file: TypeScript from src/, JavaScript from dist/. */
const THREAD_FILE = new URL(`./local-thread${extname(import.meta.filename)}`, import.meta.url)

export interface LocalOptions {
  /** Cores that can be leased. Default: as many as the machine has. */
  cores?: number
  /** Memory that can be leased. Default: half of the machine's. */
  memoryMib?: number
  /**
   * Executors to keep ready, so that a lease need not wait for the start of a process. Default: 1, or 0 where the
   * machine would have little memory left.
   */
  pool?: number
  /**
   * Longest time that an executor is kept for the next lease, where a lease asks for it (`keepWarmMs`). Default 60,000;
   * 0 keeps none.
   */
  keepWarmMsMax?: number
  /**
   * Whether leases may have native code: `functions: './kernels.so'`. Default true, because the program itself chooses its
   * functions, and they run as its user. Where executors are threads, native code does not run.
   */
  allowNative?: boolean
}

/**
 * A cluster of one machine, for the life of this program: a resource manager (in memory) and a node in a thread of this
 * process, on loopback. Both keep running while the caller's thread computes. Executors are processes of their own and
 * end with this one, however it ends. While the whole process is stopped, its leases do not expire.
 *
 * Where the addon cannot be loaded (no Linux, `node --permission`), executors are threads of this process, reached over
 * the fabric `threads`; a warning with the code `RFAAS_THREADS` says so once. What differs then: docs/runtimes.md.
 *
 * @throws {RfaasError} `invalid_argument`, `unsupported`
 */
export async function local(options: LocalOptions = {}): Promise<Cluster> {
  if (typeof AsyncDisposableStack === 'undefined') {
    const sentence = `Cannot start a local cluster: rfaas needs Node.js 24 or newer, this is ${process.version}`
    throw new RfaasError('unsupported', sentence)
  }
  refuseWhileLoading('start a local cluster')
  const place = callerOf(local)
  const thread = new LocalThread(options)
  // Loads the addon, while the thread starts.
  const reason = reasonAgainst('local')
  try {
    const url = await thread.up
    if (reason !== '') warnOfThreads(reason)
    return await connectWith(
      url,
      {},
      {
        place,
        close: () => thread.close(),
        ref: () => thread.ref(),
        unref: () => thread.unref(),
      },
    )
  } catch (error) {
    await thread.close().catch(() => {})
    throw error
  }
}

let isWarned = false

/** Says once that executors are threads of this process, and why. */
function warnOfThreads(reason: string): void {
  if (isWarned) return
  isWarned = true
  const meaning = 'local() runs functions in threads of this process, without memory limits and without isolation'
  process.emitWarning(`${meaning}: ${reason}`, { type: 'RfaasWarning', code: 'RFAAS_THREADS' })
}

/** The thread with manager and node. Like a server, it keeps the process alive until it is closed. */
class LocalThread {
  /** Resolves to the manager's URL; rejects with the reason why there is none. */
  readonly up: Promise<string>
  readonly #worker: Worker
  readonly #closed = Promise.withResolvers<void>()
  #isUp = false
  #isClosing = false

  /** @throws {RfaasError} `unsupported` when this process may start no thread, `invalid_argument` */
  constructor(options: LocalOptions) {
    const up = Promise.withResolvers<string>()
    this.up = up.promise
    this.#worker = startThread(options)
    let url = ''
    let failure: RfaasError | null = null
    this.#worker.on('message', (message: FromLocalThread) => {
      if (message.kind === 'up') {
        this.#isUp = true
        up.resolve((url = message.url))
      } else if (message.kind === 'closed') this.#closed.resolve()
      else failure = new RfaasError(message.code, message.sentence)
    })
    // `exit` follows. The program does not end with the thread: its leases end, as with a lost node.
    this.#worker.on('error', (error) => {
      failure ??= isThreadMissing(error)
        ? bundledError(error)
        : toRfaasError(error, 'internal', 'The thread of the local cluster failed')
    })
    const halt = (): void => this.#halt()
    process.on('exit', halt)
    this.#worker.once('exit', () => {
      process.off('exit', halt)
      const reason = failure ?? new RfaasError('internal', 'The thread of the local cluster ended by itself')
      up.reject(reason)
      if (this.#isClosing) return failure === null ? this.#closed.resolve() : this.#closed.reject(failure)
      if (this.#isUp) clientEvents.publish({ kind: 'local-cluster-lost', url, reason } satisfies ClientEvent)
    })
    this.#closed.promise.catch(() => {})
  }

  /**
   * Drains: resolves when the executors, the node, the manager and the thread are gone, also when the thread has failed
   * before.
   */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#worker.threadId === -1) return
    this.#worker.postMessage({ kind: 'close' } satisfies ToLocalThread)
    try {
      await this.#closed.promise
    } finally {
      await this.#worker.terminate()
    }
  }

  /** Keeps the process alive again; see {@link unref}. */
  ref(): void {
    this.#worker.ref()
  }

  unref(): void {
    this.#worker.unref()
  }

  /** Prepares the thread for the exit of the process: see `readNothing` in local-thread.ts. */
  #halt(): void {
    if (!this.#isUp) return
    const done = new Int32Array(new SharedArrayBuffer(4))
    this.#worker.postMessage({ kind: 'halt', done } satisfies ToLocalThread)
    Atomics.wait(done, 0, 0, LOCAL_HALT_MS_MAX)
  }
}

/** Whether the file of the thread is not beside this one: then this code was copied into a bundle. */
function isThreadMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return /^(ERR_)?MODULE_NOT_FOUND$/.test(code ?? '') && message.includes(fileURLToPath(THREAD_FILE))
}

function bundledError(cause: unknown): RfaasError {
  const reason = `rfaas was bundled into another file; ${bundledAdvice()}`
  return new RfaasError('unsupported', `Cannot start a local cluster: ${reason}`, { cause })
}

function startThread(options: LocalOptions): Worker {
  try {
    // The thread must not inherit the program's own Node.js flags, such as --import and --eval.
    return new Worker(THREAD_FILE, { workerData: options, execArgv: [], name: 'rfaas-local' })
  } catch (error) {
    const { name, code } = error as Error & { code?: string }
    if (name === 'DataCloneError') {
      throw toRfaasError(error, 'invalid_argument', 'Cannot start a local cluster: its options must be numbers')
    }
    const hint = code === 'ERR_ACCESS_DENIED' ? '; run node with --allow-worker' : ''
    throw toRfaasError(error, 'unsupported', `Cannot start a thread for the local cluster${hint}`)
  }
}
