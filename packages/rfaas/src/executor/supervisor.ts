import { setImmediate } from 'node:timers/promises'

import { FabricError, interrupt, openFabric, type ConnectionHandle, type Listener } from '@rfaas/fabric'

import { geometryOf, slotLayout } from '../protocol/slots.ts'
import { ClientWatch } from './client-watch.ts'
import type { PrepareMessage, ReadyMessage, StartMessage } from './messages.ts'
import { rehearse } from './rehearsal.ts'
import { WorkerThread } from './worker-thread.ts'

/** Why an executor ends: it was told to drain, or no worker has a client any more. */
export type ExecutorEnd = 'stopped' | 'clients_gone'

/**
 * Starts the worker threads of an executor, accepts the one connection of each and hands it over. Off the path of
 * every invocation: a worker and its client need nothing from here until the end.
 */
export class Supervisor {
  readonly #ended = Promise.withResolvers<ExecutorEnd>()
  readonly #clients: ClientWatch
  /** Started before anybody has asked for them, or parked. */
  #prepared: WorkerThread[] = []
  /** Those of the lease, in their order. */
  #workers: WorkerThread[] = []
  #listeners: Listener[] = []
  #handles: ConnectionHandle[] = []
  #running = 0
  #draining = false
  /** Whether those that have ended have left nothing under way. */
  #areIdle = true
  #parking: PromiseWithResolvers<void> | null = null

  /** Rejects when a worker crashes. */
  readonly ended: Promise<ExecutorEnd> = this.#ended.promise

  /** @param onOrphaned called when the clients of all workers are gone and a worker does not end, because it computes */
  constructor(onOrphaned: () => void) {
    this.#clients = new ClientWatch(onOrphaned)
    // Whoever awaits it is told; before that nobody needs to be.
    this.ended.catch(() => {})
  }

  /**
   * Has ready what does not depend on a lease.
   *
   * @param isAwaited whether somebody waits for us already: then what not every lease needs is left out
   * @throws {RfaasError} `executor_start_failed`
   */
  async prepare({ workers, heapMib, fabrics }: PrepareMessage, isAwaited: () => boolean): Promise<void> {
    this.#prepared = Array.from({ length: workers }, () => this.#startWorker(heapMib))
    await Promise.all(this.#prepared.map((worker) => worker.prepared))
    for (const [index, { fabric, listenAddress }] of fabrics.entries()) {
      // For what was said meanwhile to be read.
      await setImmediate()
      if (isAwaited()) return
      try {
        // Invocations over the best one only: machine code that has seen connections of two kinds is slower for both.
        await Promise.all(this.#prepared.map((worker) => rehearse(worker, fabric, listenAddress, index === 0)))
      } catch (error) {
        // That a fabric does not work here is said to those who lease over it.
        if (!(error instanceof FabricError)) throw error
      }
    }
  }

  /** @throws {RfaasError} `module_failed`, `executor_start_failed`; FabricError when it cannot listen */
  async start(message: StartMessage): Promise<ReadyMessage> {
    // For libraries, which read that of the process; and threads that are started from here on have a copy.
    Object.assign(process.env, message.environment)
    const layout = slotLayout(message.slots, message.payloadBytesMax)
    const prepared = this.#prepared.splice(0)
    const workers = message.secrets.length
    // Those that are not needed go: their memory would be on this lease's account.
    for (const spare of prepared.splice(workers)) void spare.terminate()
    this.#workers = message.secrets.map((_, index) => prepared[index] ?? this.#startWorker(message.heapMib))
    const starting = message.secrets.map(async (secret, workerIndex) => {
      // First the thread, for it loads the functions while this one loads the fabric.
      const worker = this.#workers[workerIndex]!
      const { bundlePath, environment, slots, payloadBytesMax } = message
      const hotTimeoutMs = message.hotTimeoutMs < 0 ? Infinity : message.hotTimeoutMs
      const loading = worker.load({
        isRehearsal: false,
        serves: true,
        environment,
        bundlePath,
        workerIndex,
        workers,
        slots,
        payloadBytesMax,
        hotTimeoutMs,
      })
      const listener = await openFabric(message.fabric).listen({
        secret,
        ...geometryOf(layout),
        ...(message.listenAddress === '' ? {} : { host: message.listenAddress }),
      })
      this.#listeners.push(listener)
      const { functions, loadMs } = await loading
      void this.#serve(worker, listener)
      return { address: listener.address, functions, loadMs }
    })
    const started = await Promise.all(starting)
    return {
      kind: 'ready',
      addresses: started.map(({ address }) => address),
      functions: started[0]!.functions,
      loadMs: Math.max(...started.map(({ loadMs }) => loadMs)),
    }
  }

  /** Workers finish what they were sent, then end; those that no client has reached end at once. */
  drain(): void {
    this.#draining = true
    for (const listener of this.#listeners) listener.close()
    for (const handle of this.#handles) interrupt(handle)
    if (this.#running === 0) this.#ended.resolve('stopped')
  }

  /**
   * Drains, and has the workers ready for the next lease, with their functions loaded. When they cannot be, for a client
   * never came or a function is still under way, this ends as after {@link drain}, and the promise never settles.
   */
  park(): Promise<void> {
    this.#parking = Promise.withResolvers()
    this.drain()
    return this.#parking.promise
  }

  #startWorker(heapMib: number): WorkerThread {
    const worker = new WorkerThread(heapMib)
    worker.failed.catch((error: unknown) => this.#ended.reject(error))
    return worker
  }

  async #serve(worker: WorkerThread, listener: Listener): Promise<void> {
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
    const ended = this.#clients.watch(handle)
    void worker.serve(handle).then(
      ({ isIdle }) => {
        ended()
        this.#areIdle &&= isIdle
        if (--this.#running === 0) this.#over()
      },
      () => {},
    )
    // Between accept and here a drain may have missed this connection.
    if (this.#draining) interrupt(handle)
  }

  /** All workers have ended: they were told to drain, or their clients are gone. */
  #over(): void {
    const parking = this.#parking
    if (parking === null || !this.#areIdle || this.#handles.length < this.#workers.length) {
      return this.#ended.resolve(this.#draining ? 'stopped' : 'clients_gone')
    }
    this.#prepared = this.#workers
    this.#workers = []
    this.#listeners = []
    this.#handles = []
    this.#draining = false
    this.#parking = null
    parking.resolve()
  }
}
