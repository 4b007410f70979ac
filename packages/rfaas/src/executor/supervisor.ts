import { extname } from 'node:path'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import { interrupt, openFabric, type ConnectionHandle, type Listener } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import { slotLayout } from '../protocol/slots.ts'
import type { LoopEnd } from './loop.ts'
import type { ReadyMessage, StartMessage } from './messages.ts'
import type { AttachMessage, FromWorker, WorkerInit } from './thread-messages.ts'

const WORKER_FILE = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)

/**
 * Starts the worker threads of an executor, accepts the one connection of each and hands it over. Off the path of
 * every invocation: a worker and its client need nothing from here until the end.
 */
export class Supervisor {
  readonly #ended = Promise.withResolvers<LoopEnd>()
  readonly #listeners: Listener[] = []
  readonly #handles: ConnectionHandle[] = []
  /** Workers that have told how they ended. */
  readonly #over = new WeakSet<Worker>()
  #running = 0
  #draining = false

  /** `lost` when the clients of all workers went away, `drained` after {@link drain}; rejects when a worker crashes. */
  readonly ended: Promise<LoopEnd> = this.#ended.promise

  constructor() {
    // Whoever awaits it is told; before that nobody needs to be.
    this.ended.catch(() => {})
  }

  /** @throws {RfaasError} `module_failed`, `executor_start_failed`; FabricError when it cannot listen */
  async start(message: StartMessage): Promise<ReadyMessage> {
    const startMs = performance.now()
    const layout = slotLayout(message.slots, message.payloadBytesMax)
    const fabric = openFabric(message.fabric)
    const starting = message.secrets.map(async (secret, workerIndex) => {
      // First the thread, for it loads the functions while this one loads the fabric.
      const started = this.#startWorker(message, workerIndex)
      started.catch(() => {})
      const listener = await fabric.listen({
        secret,
        outboundBytes: layout.windowBytes,
        inboundBytes: layout.windowBytes,
        depth: layout.depth,
        ...(message.listenAddress === '' ? {} : { host: message.listenAddress }),
      })
      this.#listeners.push(listener)
      const { worker, functions } = await started
      void this.#serve(worker, listener)
      return { address: listener.address, functions }
    })
    const workers = await Promise.all(starting)
    return {
      kind: 'ready',
      addresses: workers.map(({ address }) => address),
      functions: workers[0]!.functions,
      loadMs: performance.now() - startMs,
    }
  }

  /** Workers finish what they were sent, then end; those that no client has reached end at once. */
  drain(): void {
    this.#draining = true
    for (const listener of this.#listeners) listener.close()
    for (const handle of this.#handles) interrupt(handle)
    if (this.#running === 0) this.#ended.resolve('drained')
  }

  async #startWorker(
    message: StartMessage,
    workerIndex: number,
  ): Promise<{ worker: Worker; functions: ReadyMessage['functions'] }> {
    const workers = message.secrets.length
    const { bundlePath, slots, payloadBytesMax, hotTimeoutMs } = message
    const worker = new Worker(WORKER_FILE, {
      workerData: {
        bundlePath,
        workerIndex,
        workers,
        slots,
        payloadBytesMax,
        hotTimeoutMs: hotTimeoutMs < 0 ? Infinity : hotTimeoutMs,
      } satisfies WorkerInit,
      resourceLimits: { maxOldGenerationSizeMb: Math.max(32, Math.floor(message.memoryMib / workers)) },
    })
    // An error that the functions' module threw outside of any invocation: the executor is not to be trusted further.
    worker.on('error', (error) => this.#ended.reject(error))
    worker.on('exit', (code) => {
      if (this.#over.has(worker)) return
      this.#ended.reject(new RfaasError('executor_lost', `A function ended its worker: process.exit(${code})`))
    })
    const [answer] = (await Promise.race([
      once(worker, 'message'),
      once(worker, 'exit').then(([code]) => {
        throw new RfaasError('executor_start_failed', `Cannot start a worker: it exited with ${code}`)
      }),
    ])) as [FromWorker]
    if (answer.kind === 'failed') throw failure(answer)
    if (answer.kind !== 'loaded') throw new RfaasError('internal', `Cannot start a worker: it said ${answer.kind}`)
    return { worker, functions: answer.functions }
  }

  async #serve(worker: Worker, listener: Listener): Promise<void> {
    let handle: ConnectionHandle
    try {
      handle = await listener.accept()
    } catch {
      // Closed by a drain before a client came.
      return
    }
    listener.close()
    this.#handles.push(handle)
    this.#running++
    worker.on('message', (message: FromWorker) => {
      this.#running--
      this.#over.add(worker)
      if (message.kind === 'failed') this.#ended.reject(failure(message))
      else if (message.kind === 'ended' && this.#running === 0) {
        this.#ended.resolve(this.#draining ? 'drained' : message.end)
      }
    })
    worker.postMessage({ kind: 'attach', handle } satisfies AttachMessage)
    // Between accept and here a drain may have missed this connection.
    if (this.#draining) interrupt(handle)
  }
}

function failure(message: Extract<FromWorker, { kind: 'failed' }>): RfaasError {
  const cause = new Error(message.reason)
  cause.stack = message.stack
  return new RfaasError(message.code, message.reason, { cause })
}
