import { setImmediate } from 'node:timers/promises'

import { FabricError, interrupt, openFabric, type ConnectionHandle, type Listener } from '@rfaas/fabric'

import { geometryOf, slotLayout } from '../protocol/slots.ts'
import { ClientWatch } from './client-watch.ts'
import type { PrepareMessage, ReadyMessage, StartMessage } from './messages.ts'
import { rehearse } from './rehearsal.ts'
import { WorkerThread } from './worker-thread.ts'

/** What differs between an executor that is a process and one that is a thread. */
export interface ExecutorHome {
  /** As in LoadMessage. */
  readonly meterPage: SharedArrayBuffer | null
  startWorker(): WorkerThread
}

const PROCESS: ExecutorHome = { meterPage: null, startWorker: () => new WorkerThread() }

/** Why an executor ends: it was told to drain, or no worker has a client any more. */
export type ExecutorEnd = 'stopped' | 'clients_gone'

/**
 * Starts the worker threads of an executor, accepts the one connection of each and hands it over. Not on the path of
 * any invocation: a worker and its client need nothing from here until the end.
 */
export class Supervisor {
  readonly #ended = Promise.withResolvers<ExecutorEnd>()
  readonly #clients: ClientWatch
  readonly #home: ExecutorHome
  /** Workers that were started before there is a lease, or parked after one. */
  #prepared: WorkerThread[]
  /** The workers of the lease, in the order of its secrets. */
  #workers: WorkerThread[] = []
  #listeners: Listener[] = []
  #handles: ConnectionHandle[] = []
  #running = 0
  #draining = false
  /** Whether the workers that have ended left no asynchronous function pending. */
  #areIdle = true
  #parking: PromiseWithResolvers<void> | null = null

  /** Rejects when a worker crashes. */
  readonly ended: Promise<ExecutorEnd> = this.#ended.promise

  /**
   * @param first a worker that is starting
   * @param onOrphaned called when the clients of all workers are gone but a worker does not end, because it computes
   */
  constructor(first: WorkerThread, onOrphaned: () => void, home: ExecutorHome = PROCESS) {
    this.#home = home
    this.#prepared = [this.#watched(first)]
    this.#clients = new ClientWatch(onOrphaned)
    // Not an unhandled rejection while nothing awaits it yet.
    this.ended.catch(() => {})
  }

  /**
   * Prepares everything that does not depend on a lease.
   *
   * @param isAwaited whether a lease waits for this executor already: then rehearsals that are left are skipped
   * @throws {RfaasError} `executor_start_failed`
   */
  async prepare({ workers, fabrics }: PrepareMessage, isAwaited: () => boolean): Promise<void> {
    while (this.#prepared.length < workers) this.#prepared.push(this.#watched(this.#home.startWorker()))
    await Promise.all(this.#prepared.map((worker) => worker.prepared))
    for (const [index, { fabric, listenAddress }] of fabrics.entries()) {
      // Lets the event loop read messages that arrived meanwhile.
      await setImmediate()
      if (isAwaited()) return
      try {
        // Rehearse invocations over the first, best fabric only: machine code that has seen connections of two kinds is
        // slower for both.
        await Promise.all(this.#prepared.map((worker) => rehearse(worker, fabric, listenAddress, index === 0)))
      } catch (error) {
        // A fabric that does not work here is reported to leases that ask for it.
        if (!(error instanceof FabricError)) throw error
      }
    }
  }

  /** @throws {RfaasError} `module_failed`, `executor_start_failed`; FabricError when it cannot listen */
  async start(message: StartMessage): Promise<ReadyMessage> {
    // Libraries read the environment of the process, and threads that are started from here on copy it.
    Object.assign(process.env, message.environment)
    // That of the workers, too: theirs is the process's, which only this thread can change.
    if (message.workFolder) process.chdir(message.workFolder)
    const layout = slotLayout(message.slots, message.payloadBytesMax, message.payloadBytesLargest)
    const prepared = this.#prepared.splice(0)
    const workers = message.secrets.length
    // Terminate workers that are not needed: their memory would be on this lease's account.
    for (const spare of prepared.splice(workers)) void spare.terminate()
    this.#workers = message.secrets.map((_, index) => prepared[index] ?? this.#watched(this.#home.startWorker()))
    const starting = message.secrets.map(async (secret, workerIndex) => {
      // Start the load first: the worker loads the functions while this thread loads the fabric.
      const worker = this.#workers[workerIndex]!
      const { bundlePath, environment, slots, payloadBytesMax } = message
      const hotTimeoutMs = message.hotTimeoutMs < 0 ? Infinity : message.hotTimeoutMs
      const loading = worker.load({
        isRehearsal: false,
        serves: true,
        environment,
        bundlePath,
        meterPage: this.#home.meterPage,
        workerIndex,
        workers,
        slots,
        payloadBytesMax,
        payloadBytesLargest: layout.payloadBytesLargest,
        hotTimeoutMs,
      })
      // It may fail before the listener is there; then it is awaited below, and is no unhandled rejection here.
      loading.catch(() => {})
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

  /** Drains: workers finish what they were sent, then end; those that no client has reached end at once. */
  drain(): void {
    this.#draining = true
    for (const listener of this.#listeners) listener.close()
    for (const handle of this.#handles) interrupt(handle)
    if (this.#running === 0) this.#ended.resolve('stopped')
  }

  /**
   * Drains, and keeps the workers ready for the next lease, with their functions loaded. When that is impossible,
   * because a client never came or a function is still pending, the executor ends as after {@link drain}, and the
   * promise never settles.
   */
  park(): Promise<void> {
    this.#parking = Promise.withResolvers()
    this.drain()
    return this.#parking.promise
  }

  #watched(worker: WorkerThread): WorkerThread {
    worker.failed.catch((error: unknown) => this.#ended.reject(error))
    return worker
  }

  async #serve(worker: WorkerThread, listener: Listener): Promise<void> {
    let handle: ConnectionHandle
    try {
      handle = await listener.accept()
    } catch {
      // A drain closed the listener before a client came.
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
    // A drain between `accept` and here may have missed this connection.
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
