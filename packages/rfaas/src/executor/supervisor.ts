import { setImmediate } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'

import { FabricError, openFabric, type Listener } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import { geometryOf, slotLayout } from '../protocol/slots.ts'
import { kindOfBundle } from './bundle-kind.ts'
import { ClientWatch } from './client-watch.ts'
import { WORKER_END_MS_MAX } from './limits.ts'
import type {
  EndWorkerMessage,
  ExecutorNews,
  PrepareMessage,
  ReadyMessage,
  RestartMessage,
  StartMessage,
} from './messages.ts'
import { rehearse } from './rehearsal.ts'
import { Seat } from './seat.ts'
import { WorkerThread, type WorkerEnd } from './worker-thread.ts'
import { compileWasm, type CompiledWasm } from './wasm-compile.ts'

/** What differs between an executor that is a process and one that is a thread. */
export interface ExecutorHome {
  /** As in LoadMessage. */
  readonly meterPage: SharedArrayBuffer | null
  /** What each worker may take of the lease's memory. */
  readonly memoryBytesMax: number
  startWorker(): WorkerThread
}

const PROCESS: ExecutorHome = {
  meterPage: null,
  // The node gives it as the flag --max-old-space-size.
  memoryBytesMax: getHeapStatistics().heap_size_limit,
  startWorker: () => new WorkerThread(),
}

/** Why an executor ends: it was told to drain, or no worker has a client any more. */
export type ExecutorEnd = 'stopped' | 'clients_gone'

/**
 * Starts the worker threads of an executor, accepts the one connection of each and hands it over. Starts a worker again
 * that has ended, and tells the node. Not on the path of any invocation: a worker and its client need nothing from here
 * until the end.
 */
export class Supervisor {
  readonly #ended = Promise.withResolvers<ExecutorEnd>()
  readonly #clients: ClientWatch
  readonly #home: ExecutorHome
  /** Workers that were started before there is a lease, or parked after one. */
  #prepared: WorkerThread[]
  /** The workers of the lease, in the order of its secrets. */
  #seats: Seat[] = []
  /** Threads whose end is dealt with at their seats; that of any other ends the executor. */
  readonly #seated = new Set<WorkerThread>()
  #draining = false
  #wasm: { path: string; compiled: CompiledWasm } | null = null
  /** Whether the workers that have ended left no asynchronous function pending. */
  #areIdle = true
  #parking: PromiseWithResolvers<void> | null = null
  /** Told when a worker has ended, and when its client can reach it again. */
  onNews: (news: ExecutorNews) => void = () => {}

  /** Rejects when a worker cannot be started, or cannot be ended. */
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
    const bundleKind = kindOfBundle(message.bundlePath)
    const wasm = bundleKind === 'wasm' ? await this.#compiled(message.bundlePath) : null
    const prepared = this.#prepared.splice(0)
    const workers = message.secrets.length
    // Terminate workers that are not needed: their memory would be on this lease's account.
    for (const spare of prepared.splice(workers)) void spare.terminate()
    const { bundlePath, environment, slots, payloadBytesMax } = message
    const hotTimeoutMs = message.hotTimeoutMs < 0 ? Infinity : message.hotTimeoutMs
    const order = {
      isRehearsal: false,
      serves: true,
      environment,
      bundlePath,
      wasm,
      isNative: bundleKind === 'native',
      slots,
      payloadBytesMax,
      payloadBytesLargest: layout.payloadBytesLargest,
      hotTimeoutMs,
    }
    const { meterPage } = this.#home
    const listen = (secret: Uint8Array): Promise<Listener> =>
      openFabric(message.fabric).listen({
        secret,
        ...geometryOf(layout),
        ...(message.listenAddress === '' ? {} : { host: message.listenAddress }),
      })
    this.#seats = message.secrets.map((_, workerIndex) => {
      const thread = prepared[workerIndex] ?? this.#watched(this.#home.startWorker())
      return new Seat(thread, { ...order, meterPage, workerIndex, workers }, listen)
    })
    // Start the load first: the workers load the functions while this thread loads the fabric.
    for (const seat of this.#seats) seat.load()
    const started = await Promise.all(
      this.#seats.map(async (seat, index) => {
        const opened = await seat.open(message.secrets[index]!)
        this.#seated.add(seat.thread)
        void this.#serve(seat)
        return opened
      }),
    )
    return {
      kind: 'ready',
      addresses: started.map(({ address }) => address),
      functions: started[0]!.functions,
      loadMs: Math.max(...started.map(({ loadMs }) => loadMs)),
    }
  }

  /** Has the client of a worker that has ended come back; says when it can. */
  restartWorker({ worker, secret }: Omit<RestartMessage, 'kind'>): void {
    const seat = this.#seats[worker]
    if (seat?.state !== 'restarting' || this.#draining) return
    void this.#reopen(seat, secret)
  }

  /** Ends a worker, whatever it runs, unless that is over already. Ends the executor if the worker cannot be ended. */
  endWorker({ worker, restarts }: Omit<EndWorkerMessage, 'kind'>): void {
    const seat = this.#seats[worker]
    if (seat?.state !== 'serving' || seat.restarts !== restarts) return
    void seat.end().then((hasEnded) => hasEnded || this.#ended.reject(stuck(seat)))
  }

  /** Drains: workers finish what they were sent, then end; those that no client has reached end at once. */
  drain(): void {
    this.#draining = true
    for (const seat of this.#seats) seat.drain()
    if (!this.#isServing) this.#ended.resolve('stopped')
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

  /** Whether a worker has a client, or waits for its client to come back. */
  get #isServing(): boolean {
    return this.#seats.some(({ state }) => state === 'serving' || (state === 'restarting' && !this.#draining))
  }

  /** Compiles a WebAssembly module, once for all workers and for the leases of a kept executor. */
  async #compiled(bundlePath: string): Promise<CompiledWasm> {
    if (this.#wasm?.path !== bundlePath) {
      this.#wasm = { path: bundlePath, compiled: await compileWasm(bundlePath, this.#home.memoryBytesMax) }
    }
    return this.#wasm.compiled
  }

  #watched(worker: WorkerThread): WorkerThread {
    worker.failed.catch((error: unknown) => {
      if (!this.#seated.has(worker)) this.#ended.reject(error)
    })
    return worker
  }

  async #serve(seat: Seat): Promise<void> {
    const { thread } = seat
    const outcome = await seat.serve((handle) => this.#clients.watch(handle))
    switch (outcome.kind) {
      case 'ended':
        this.#areIdle &&= outcome.isIdle
        if (!this.#isServing) this.#over()
        return
      case 'unused':
        if (seat.restarts > 0 && !this.#isServing) this.#over()
        return
      case 'stuck':
        return this.#ended.reject(stuck(seat))
      case 'crashed':
        this.#seated.delete(thread)
        return this.#crashed(seat, outcome.end)
    }
  }

  /** Starts another thread in the place of one that has ended, and says so. Its client is then called back. */
  #crashed(seat: Seat, end: WorkerEnd): void {
    // For those who read the output, as Node.js prints it when a program ends.
    if (end.stack !== '') process.stderr.write(`${end.stack}\n`)
    try {
      if (!this.#draining) {
        seat.renew(this.#watched(this.#home.startWorker()))
        // The seat deals with the end of this thread also when that comes before the client.
        this.#seated.add(seat.thread)
      }
    } catch (error) {
      return this.#ended.reject(error)
    }
    this.onNews({ kind: 'worker-ended', worker: seat.index, ...end })
    if (!this.#draining) return
    this.#areIdle = false
    if (!this.#isServing) this.#over()
  }

  async #reopen(seat: Seat, secret: Uint8Array): Promise<void> {
    try {
      const address = await seat.reopen(secret)
      void this.#serve(seat)
      this.onNews({ kind: 'worker-restarted', worker: seat.index, address })
    } catch (error) {
      this.#ended.reject(error)
    }
  }

  /** All workers have ended: they were told to drain, or their clients are gone. */
  #over(): void {
    const parking = this.#parking
    if (parking === null || !this.#areIdle || !this.#seats.every((seat) => seat.state === 'ended' && seat.hasServed)) {
      return this.#ended.resolve(this.#draining ? 'stopped' : 'clients_gone')
    }
    this.#prepared = this.#seats.map(({ thread }) => thread)
    for (const thread of this.#prepared) this.#seated.delete(thread)
    this.#seats = []
    this.#draining = false
    this.#parking = null
    parking.resolve()
  }
}

function stuck({ index }: Seat): RfaasError {
  const sentence = `Cannot end worker ${index}: it has not returned from native code within ${WORKER_END_MS_MAX} ms`
  return new RfaasError('executor_lost', sentence)
}
