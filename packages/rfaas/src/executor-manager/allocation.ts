import type { Usage } from '../accounting/usage.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { EXIT_CLIENT_GONE } from '../executor/messages.ts'
import type { ReadyMessage, StartMessage } from '../executor/messages.ts'
import { codeOfEnd } from '../lease/lease.ts'
import type { Environment } from '../lease/environment.ts'
import type { LeaseEnd } from '../lease/lease.ts'
import type { LeaseClaims } from '../lease/token.ts'
import {
  EXECUTOR_DRAIN_GRACE_MS,
  EXECUTOR_HEAP_MIB_MIN,
  EXECUTOR_START_TIMEOUT_MS,
  KEPT_START_TIMEOUT_MS,
} from './limits.ts'
import type { BundleCache } from './bundle-cache.ts'
import type { CapacityLedger } from './capacity.ts'
import type { Clock } from '../clock.ts'
import type { StartOrder } from './executor-process.ts'
import type { Executor, ExecutorMeters, Executors } from './executors.ts'
import type { KeptExecutor, KeptExecutors } from './kept-executors.ts'
import type { KeptFor } from './kept-plan.ts'
import { LeaseWorkers, type EndRequest, type WorkerNews } from './lease-workers.ts'
import { OutputQueue, outputLine } from './output-queue.ts'
import type { Randomness } from '../randomness.ts'
import { resourceEnvironment } from './resource-environment.ts'

/** Bytes of the secret that a client shows to one worker. */
const SECRET_BYTES = 32

/** The checked parameters of the executor that a client asks for. */
export interface AllocationRequest {
  readonly bundleSha256: string
  readonly fabric: StartMessage['fabric']
  /** Empty for `local`. */
  readonly listenAddress: string
  readonly slots: number
  readonly payloadBytesMax: number
  /** Largest payload that goes through the spare room behind the slots. Absent: none does. */
  readonly payloadBytesLargest?: number
  /** Milliseconds, or -1 always, 0 never. */
  readonly hotTimeoutMs: number
  /** How long the node may keep the executor for the next lease after this one is released; 0: not at all. */
  readonly keepWarmMs: number
  /** Environment variables for the functions, in addition to those of the node and of the lease's resources. */
  readonly env: Environment
  /** Whether the client reads what the functions print. Default false. */
  readonly output?: boolean
}

/** Where the executor came from: kept from an earlier lease, taken from the pool, or started for this lease. */
export type ExecutorStart = 'kept' | 'pooled' | 'cold'

/** The parts of the node that an allocation uses. */
export interface AllocationContext {
  readonly clock: Clock
  readonly randomness: Randomness
  readonly capacity: CapacityLedger
  readonly bundles: Pick<BundleCache, 'pin'>
  readonly pool: Executors
  readonly kept: KeptExecutors
  /**
   * Called with each line that the functions of a lease print, within bounds. Default: nobody hears of it.
   *
   * @param isRead whether the client of the lease reads it, too
   */
  readonly onOutput?: (leaseId: string, line: string, isRead: boolean) => void
  /** Called when a worker of a lease has ended, or can be reached again. Default: nobody hears of it. */
  readonly onWorker?: (leaseId: string, news: WorkerNews) => void
}

export interface StartedExecutor extends ReadyMessage {
  readonly executorId: string
  /** One for each worker. */
  readonly secrets: readonly Uint8Array[]
  /** From when the process was started or taken until its workers could be reached. */
  readonly startMs: number
  readonly start: ExecutorStart
  /** 0: no payload is larger than a slot. */
  readonly payloadBytesLargest: number
}

/** Why the allocation ended: as a reason, and as a sentence for a person. */
export interface AllocationEnd {
  readonly reason: LeaseEnd
  readonly message: string
}

/** Notice that a lease is taken back. Running invocations may finish until the grace is over. */
export interface RetrievalNotice {
  readonly message: string
  /** Counted from when the notice was given. */
  readonly graceMs: number
}

/** A lease's capacity on this node and its executor process, from allocation to the last meter reading. */
export class Allocation {
  readonly claims: LeaseClaims
  /** Resolves when the executor can be reached, or when its start has failed. */
  readonly launched: Promise<void>
  /** Resolves when the process is gone and everything is given back. Never resolves when the start failed. */
  readonly closed: Promise<AllocationEnd>
  /** Resolves at the first `retrieve`. */
  readonly noticed: Promise<void>
  readonly #context: AllocationContext
  readonly #giveBack = new DisposableStack()
  readonly #launch = Promise.withResolvers<undefined>()
  readonly #close = Promise.withResolvers<AllocationEnd>()
  readonly #noticed = Promise.withResolvers<undefined>()
  readonly #startedMs: number
  /** Environment variables that tell the executor which resources the lease has. */
  readonly #environment: Readonly<Record<string, string>>
  /** Which leases may take the executor over after the release, and how long it is kept; null: it is not kept. */
  #keep: { readonly what: KeptFor; readonly ms: number } | null = null
  #stoppedMs: number | null = null
  #startMs = 0
  #start: ExecutorStart = 'cold'
  #coldReason: string | null = null
  #meters: ExecutorMeters | null = null
  #executor: Executor | null = null
  #unfollow: (() => void) | null = null
  #unhear: (() => void) | null = null
  #unhearNews: (() => void) | null = null
  #workers: LeaseWorkers | null = null
  #end: AllocationEnd | null = null
  #retrieval: { readonly message: string; stopMs: number } | null = null
  /** What the functions print, for a client that asked for it. */
  #output: OutputQueue | null = null
  #isLaunched = false
  #isClosed = false
  #startFailed = false

  /** @throws {RfaasError} `lease_denied` when too little of what the lease asks for is free on the node */
  constructor(claims: LeaseClaims, context: AllocationContext) {
    this.claims = claims
    this.#context = context
    this.launched = this.#launch.promise
    this.closed = this.#close.promise
    this.noticed = this.#noticed.promise
    this.#startedMs = context.clock.nowMonotonicMs()
    const { units, giveBack } = context.capacity.take(claims.leaseId, claims)
    this.#giveBack.defer(giveBack)
    this.#environment = resourceEnvironment(context.capacity.total.resources, units, process.env)
  }

  /** Why the allocation ended or is ending; null while it runs. */
  get end(): AllocationEnd | null {
    return this.#end
  }

  /** What the functions print; null when the client did not ask for it. */
  get output(): OutputQueue | null {
    return this.#output
  }

  /** Whether the start of the executor has finished, successfully or not. */
  get isLaunched(): boolean {
    return this.#isLaunched
  }

  /** The retrieval notice with the grace that is left; null when the lease is not being taken back. */
  get retrieval(): RetrievalNotice | null {
    if (this.#retrieval === null) return null
    const { message, stopMs } = this.#retrieval
    return { message, graceMs: Math.max(0, stopMs - this.#context.clock.nowMonotonicMs()) }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether the start failed. Nothing is left of this allocation then, and the lease may be allocated again. */
  get startFailed(): boolean {
    return this.#startFailed
  }

  get executorStart(): ExecutorStart {
    return this.#start
  }

  /** From when the process was started or taken until its workers could be reached; 0 before. */
  get startMs(): number {
    return this.#startMs
  }

  /** Why a new executor was started for this lease; null when a ready or kept one was used. */
  get coldReason(): string | null {
    return this.#coldReason
  }

  /** What becomes of the workers; null before they can be reached. */
  get workers(): Pick<LeaseWorkers, 'changes' | 'changed' | 'since'> | null {
    return this.#workers
  }

  /** The usage up to now; final once the allocation is closed. */
  get usage(): Usage {
    const untilMs = this.#stoppedMs ?? this.#context.clock.nowMonotonicMs()
    const seconds = (untilMs - this.#startedMs) / 1000
    const { cores, memoryMib } = this.claims
    const { hotPollingNs = 0, executionNs = 0, invocations = 0 } = this.#meters?.read() ?? {}
    return {
      allocationCoreS: cores * seconds,
      allocationGibS: (memoryMib / 1024) * seconds,
      hotPollingNs,
      executionNs,
      invocations,
    }
  }

  /**
   * Starts the executor. Call it once, right after construction.
   *
   * @throws {RfaasError} `not_found` (the bundle), `module_failed`, `executor_start_failed`, `unsupported`; the code of
   * the lease's end when it ended during the start
   */
  async start(request: AllocationRequest): Promise<StartedExecutor> {
    try {
      const started = await this.#startExecutor(request)
      const executor = this.#executor!
      this.#followWorkers(executor, started.secrets.length)
      this.#unfollow = executor.onExit(({ code, how }) => void this.stop(this.#endOfProcess(code, how)))
      return started
    } catch (error) {
      await this.#executor?.stop(0)
      this.#settle()
      if (this.#end !== null) throw this.#closedError(this.#end)
      this.#startFailed = true
      throw toRfaasError(error, 'executor_start_failed', 'Cannot start executor')
    } finally {
      this.#isLaunched = true
      this.#launch.resolve(undefined)
    }
  }

  /** Ends a worker for the client, as {@link LeaseWorkers.endWorker}; it is then restarted. */
  endWorker(request: EndRequest): boolean {
    return this.#workers?.endWorker(request) ?? false
  }

  /**
   * Takes the lease back: the executor finishes the invocations it was sent, and then ends. The caller must call
   * `stop` when the grace is over. Calling this again with a shorter grace shortens the wait.
   */
  retrieve({ message, graceMs }: RetrievalNotice): void {
    const stopMs = this.#context.clock.nowMonotonicMs() + graceMs
    if (this.#retrieval !== null) {
      this.#retrieval.stopMs = Math.min(this.#retrieval.stopMs, stopMs)
      return
    }
    this.#retrieval = { message: `Lease ${this.claims.leaseId} was retrieved: ${message}`, stopMs }
    this.#noticed.resolve(undefined)
    // An executor that is still starting is drained after its start: the client, about to connect, is then refused.
    void this.launched.then(() => {
      this.#workers?.end()
      this.#executor?.drain()
    })
  }

  /**
   * Drains the executor, or kills it when it has not started yet. Of several ends, the first one is kept.
   *
   * @param graceMs how long running invocations may take to finish; 0 kills the executor at once
   */
  async stop(end: AllocationEnd, graceMs: number = EXECUTOR_DRAIN_GRACE_MS): Promise<AllocationEnd> {
    if (this.#end !== null) {
      // A caller with grace 0 does not wait for the grace of an earlier call.
      if (graceMs === 0) void this.#executor?.stop(0)
      return this.closed
    }
    this.#end = end
    // Killing the process makes a start under way fail, and that gives everything back.
    if (!this.#isLaunched) void this.#executor?.stop(0)
    await this.launched
    this.#workers?.end()
    const kept = await this.#park(end, graceMs)
    if (kept === null) await this.#executor?.stop(graceMs)
    this.#settle()
    if (kept !== null) this.#context.kept.keep(kept, this.#keep!.what, this.#keep!.ms)
    this.#isClosed = true
    this.#close.resolve(end)
    return end
  }

  async #startExecutor(request: AllocationRequest): Promise<StartedExecutor> {
    const { tenant, cores, memoryMib, resources } = this.claims
    const { bundleSha256, keepWarmMs, env, output = false, ...shape } = request
    if (output) this.#output = new OutputQueue()
    const bundle = await this.#context.bundles.pin(bundleSha256)
    this.#giveBack.defer(bundle.release)
    if (this.#end !== null) throw this.#closedError(this.#end)
    // An executor with resources is not kept: its environment was set before its functions were loaded, and names the
    // units of this lease; the next lease may get others.
    if (Object.keys(resources).length === 0) {
      const what = { tenant, bundleSha256, fabric: shape.fabric, cores, memoryMib, env }
      this.#keep = { what, ms: this.#context.kept.keptMs(keepWarmMs) }
    }
    const secrets = Array.from({ length: cores }, () => this.#context.randomness.bytes(SECRET_BYTES))
    const startMs = this.#context.clock.nowMonotonicMs()
    const order = { ...shape, bundlePath: bundle.path, secrets, environment: { ...env, ...this.#environment } }
    const ready = (await this.#startKept(order)) ?? (await this.#startNew(order))
    if (this.#end !== null) throw this.#closedError(this.#end)
    this.#startMs = this.#context.clock.nowMonotonicMs() - startMs
    return {
      ...ready,
      executorId: this.#context.randomness.uuid(),
      secrets,
      startMs: this.#startMs,
      start: this.#start,
      payloadBytesLargest: request.payloadBytesLargest ?? 0,
    }
  }

  /** Starts the lease in a kept executor; null when there is none, or when it does not start again. */
  async #startKept(order: StartOrder): Promise<ReadyMessage | null> {
    const { kept } = this.#context
    const taken = this.#keep === null ? null : kept.take(this.#keep.what)
    if (taken !== null) this.#use(taken, 'kept')
    // Only after `take`: otherwise the kept executor itself could be killed to make room.
    await kept.makeRoom()
    if (this.#end !== null) throw this.#closedError(this.#end)
    if (taken === null) return null
    taken.process.start(order)
    try {
      return await taken.process.ready(KEPT_START_TIMEOUT_MS)
    } catch {
      await taken.process.stop(0)
      if (this.#end !== null) throw this.#closedError(this.#end)
      return null
    }
  }

  async #startNew(order: StartOrder): Promise<ReadyMessage> {
    const { cores, memoryMib } = this.claims
    const heapMib = Math.max(EXECUTOR_HEAP_MIB_MIN, Math.floor(memoryMib / cores))
    const taken = this.#context.pool.take({ workers: cores, heapMib })
    this.#coldReason = taken.coldReason
    this.#use(taken, taken.coldReason === null ? 'pooled' : 'cold')
    taken.process.start(order)
    return taken.process.ready(EXECUTOR_START_TIMEOUT_MS)
  }

  #use({ process, meters }: KeptExecutor, start: ExecutorStart): void {
    this.#giveBack.defer(() => meters.close())
    this.#meters = meters
    this.#executor = process
    this.#start = start
    const { onOutput, clock } = this.#context
    const { leaseId, cores } = this.claims
    const queue = this.#output
    if (!onOutput && queue === null) return
    const unhear = process.onOutput?.((line, stream) => {
      onOutput?.(leaseId, line, queue !== null)
      queue?.push(outputLine(line, stream, cores, clock.nowUnixMs()))
    })
    this.#unhear = unhear ?? null
  }

  #followWorkers(executor: Executor, count: number): void {
    const { randomness, onWorker } = this.#context
    const { leaseId } = this.claims
    const workers = new LeaseWorkers({
      count,
      executor,
      meters: this.#meters!,
      newSecret: () => randomness.bytes(SECRET_BYTES),
      onHopeless: (reason) => {
        const again = `a worker ended again and again before it could serve: ${reason}${executor.lastOutput}`
        void this.stop({ reason: 'executor_crashed', message: `The executor of lease ${leaseId} crashed: ${again}` }, 0)
      },
    })
    this.#workers = workers
    this.#unhearNews =
      executor.onNews?.((news) => {
        const { changes } = workers
        workers.handle(news)
        for (const each of workers.since(changes)) onWorker?.(leaseId, each)
      }) ?? null
  }

  /** Parks the executor of a released lease if it may be kept; null when it may not be kept or could not be parked. */
  async #park(end: AllocationEnd, graceMs: number): Promise<KeptExecutor | null> {
    const executor = this.#executor
    if (executor === null || this.#keep === null || this.#keep.ms <= 0 || graceMs <= 0) return null
    if (end.reason !== 'released' || this.#retrieval !== null) return null
    if (!(await executor.park(graceMs))) return null
    this.#unfollow?.()
    this.#executor = null
    return { process: executor, meters: this.#meters!.handOver() }
  }

  #endOfProcess(code: number | null, how: string): AllocationEnd {
    const { leaseId } = this.claims
    if (code === EXIT_CLIENT_GONE) {
      return { reason: 'released', message: `Lease ${leaseId} was released: its client closed its connections` }
    }
    if (this.#retrieval !== null && code === 0) {
      return { reason: 'retrieved', message: this.#retrieval.message }
    }
    const { kind, lastOutput } = this.#executor!
    const message = `The executor of lease ${leaseId} crashed: the ${kind} ${how}${lastOutput}`
    return { reason: 'executor_crashed', message }
  }

  #settle(): void {
    this.#stoppedMs ??= this.#context.clock.nowMonotonicMs()
    this.#unhear?.()
    this.#unhearNews?.()
    this.#output?.close()
    this.#giveBack.dispose()
  }

  #closedError(end: AllocationEnd): RfaasError {
    return new RfaasError(codeOfEnd(end.reason), `Cannot start executor: ${end.message}`)
  }
}
