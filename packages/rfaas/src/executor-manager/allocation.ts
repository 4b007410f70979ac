import type { Usage } from '../accounting/usage.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { EXIT_CLIENT_GONE } from '../executor/messages.ts'
import type { ReadyMessage, StartMessage } from '../executor/messages.ts'
import { codeOfEnd } from '../lease/lease.ts'
import type { Environment } from '../lease/environment.ts'
import type { LeaseEnd } from '../lease/lease.ts'
import type { LeaseClaims } from '../lease/token.ts'
import { EXECUTOR_DRAIN_GRACE_MS, UPDATE_FORMER_MS_MAX } from './limits.ts'
import type { BundleCache } from './bundle-cache.ts'
import type { CapacityLedger } from './capacity.ts'
import type { Clock } from '../clock.ts'
import type { ProcessExit } from './executor-process.ts'
import type { Executors } from './executors.ts'
import type { KeptExecutors } from './kept-executors.ts'
import type { EndRequest } from './lease-workers.ts'
import { LeasedExecutor } from './leased-executor.ts'
import { addMetered, type Metered } from './meter-page.ts'
import { OutputQueue } from './output-queue.ts'
import type { NativePolicy } from './native-policy.ts'
import type { Randomness } from '../randomness.ts'
import { resourceEnvironment } from './resource-environment.ts'
import { WorkerNewsLog, type WorkerNews } from './worker-news.ts'

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
  /** Refuses native code that the node does not run. */
  readonly native: Pick<NativePolicy, 'check'>
  /**
   * Called with each line that the functions of a lease print, within bounds. Default: nobody hears of it.
   *
   * @param isRead whether the client of the lease reads it, too
   */
  readonly onOutput?: (leaseId: string, line: string, isRead: boolean) => void
  /** Memory in MiB that the machine, or the container, has available now; an update in place must find enough of it. */
  readonly availableMemoryMib: () => number
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

/**
 * A lease's capacity on this node and its executor, from allocation to the last meter reading. While it is updated in place
 * it has two executors on the same cores: the one that it uses, and beside it the next one, which stands by, or the former
 * one, which answers what it was sent. What becomes of the lease follows the one that it uses.
 */
export class Allocation {
  readonly claims: LeaseClaims
  /** Resolves when the executor can be reached, or when its start has failed. */
  readonly launched: Promise<void>
  /** Resolves when no process is left and everything is given back. Never resolves when the start failed. */
  readonly closed: Promise<AllocationEnd>
  /** Resolves at the first `retrieve`. */
  readonly noticed: Promise<void>
  /** What becomes of the workers. */
  readonly workers: WorkerNewsLog = new WorkerNewsLog()
  readonly #context: AllocationContext
  readonly #giveBack = new DisposableStack()
  readonly #launch = Promise.withResolvers<undefined>()
  readonly #close = Promise.withResolvers<AllocationEnd>()
  readonly #noticed = Promise.withResolvers<undefined>()
  readonly #startedMs: number
  /** Environment variables that tell the executor which resources the lease has. */
  readonly #environment: Readonly<Record<string, string>>
  /** Those that are not gone: at most two, besides one that is being killed. */
  readonly #executors = new Set<LeasedExecutor>()
  /** The executor that the lease uses; null before the start. */
  #current: LeasedExecutor | null = null
  /** Is to take its place. */
  #next: LeasedExecutor | null = null
  /** Was used before it; there is none while there is a next one. */
  #former: LeasedExecutor | null = null
  /** The executor that was gone last, whose end the client may not have been told yet. */
  readonly #lastGone: string[] = []
  /** What the executors that are gone have metered. */
  #metered: Metered = { hotPollingNs: 0, executionNs: 0, invocations: 0 }
  #stoppedMs: number | null = null
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
    return this.#current?.executorStart ?? 'cold'
  }

  /** From when the process was started or taken until its workers could be reached; 0 before. */
  get startMs(): number {
    return this.#current?.startMs ?? 0
  }

  /** Why a new executor was started for this lease; null when a ready or kept one was used. */
  get coldReason(): string | null {
    return this.#current?.coldReason ?? null
  }

  /** The usage up to now, of all its executors; final once the allocation is closed. */
  get usage(): Usage {
    const untilMs = this.#stoppedMs ?? this.#context.clock.nowMonotonicMs()
    const seconds = (untilMs - this.#startedMs) / 1000
    const { cores, memoryMib } = this.claims
    return {
      allocationCoreS: cores * seconds,
      allocationGibS: (memoryMib / 1024) * seconds,
      ...Array.from(this.#executors, ({ metered }) => metered).reduce(addMetered, this.#metered),
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
      if (request.output === true) this.#output = new OutputQueue()
      this.#current = this.#newExecutor()
      return await this.#current.start(request)
    } catch (error) {
      this.#settle()
      if (this.#end !== null) throw this.#closedError('start executor', this.#end)
      this.#startFailed = true
      throw toRfaasError(error, 'executor_start_failed', 'Cannot start executor')
    } finally {
      this.#isLaunched = true
      this.#launch.resolve(undefined)
    }
  }

  /**
   * Starts a second executor, on the same cores, which stands by until {@link useExecutor}. Waits a moment for the end of the
   * former one. Both may hold the memory of the lease, so the machine must have as much available. An executor that stands by
   * already is ended: its update was given up.
   *
   * @throws {RfaasError} `lease_denied` while the former executor still answers, or when there is too little memory; as
   * {@link start}; the code of the lease's end when it is over or taken back
   */
  async startUpdate(request: AllocationRequest): Promise<StartedExecutor> {
    const { leaseId, memoryMib } = this.claims
    // Another update may have come while this one waited.
    do await this.#makeRoomForNext()
    while (this.#next !== null || this.#former !== null)
    this.#refuseUpdate()
    const availableMib = Math.floor(this.#context.availableMemoryMib())
    if (availableMib < memoryMib) {
      const reason = `its next version may need ${memoryMib} MiB beside the present one, and this machine has ${availableMib} MiB available`
      throw new RfaasError('lease_denied', `Cannot update lease ${leaseId} in place: ${reason}`)
    }
    const next = (this.#next = this.#newExecutor())
    try {
      const started = await next.start(request)
      this.#refuseUpdate()
      return started
    } catch (error) {
      await this.#discard(next)
      this.#refuseUpdate()
      throw toRfaasError(error, 'executor_start_failed', 'Cannot start executor')
    }
  }

  /**
   * Has the lease use the executor that stands by. The one before goes on until {@link endExecutor}. Idempotent.
   *
   * @throws {RfaasError} `not_found` when there is no such executor any more; the code of the lease's end
   */
  useExecutor(executorId: string): void {
    this.#refuseUpdate()
    if (this.#current!.id === executorId) return
    if (this.#next?.id !== executorId || !this.#next.isReady) throw this.#noExecutor(executorId)
    this.#former = this.#current
    this.#current = this.#next
    this.#next = null
  }

  /**
   * Ends one of two executors; the lease uses the other one then. One that stands by is killed. The former one, or the one
   * that is used, may finish its running invocations. Resolves when it is gone. Idempotent.
   *
   * @throws {RfaasError} `invalid_argument` when it is the only one
   */
  async endExecutor(executorId: string): Promise<void> {
    if (this.#end !== null) return void (await this.closed)
    if (this.#current?.id === executorId) {
      if (this.#former === null || this.#former.isStopped) {
        const reason = 'it is the only one; release the lease'
        throw new RfaasError(
          'invalid_argument',
          `Cannot end executor ${executorId} of lease ${this.claims.leaseId}: ${reason}`,
        )
      }
      this.#next = this.#current
      this.#current = this.#former
      this.#former = null
    }
    if (this.#next?.id === executorId) await this.#discard(this.#next)
    else if (this.#former?.id === executorId) await this.#discard(this.#former, EXECUTOR_DRAIN_GRACE_MS)
  }

  /** Ends a worker for the client, as {@link LeasedExecutor.endWorker}; it is then restarted. */
  endWorker(executorId: string, request: EndRequest): boolean {
    if (this.#end !== null) return false
    return [...this.#executors].find(({ id }) => id === executorId)?.endWorker(request) ?? false
  }

  /**
   * Takes the lease back: the executors finish the invocations they were sent, and then end; one that stands by is killed.
   * The caller must call `stop` when the grace is over. Calling this again with a shorter grace shortens the wait.
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
      if (this.#next !== null) void this.#next.stop(0)
      this.#former?.drain()
      this.#current!.drain()
    })
  }

  /**
   * Drains the executors, or kills those that have not started yet or stand by. Of several ends, the first one is kept.
   *
   * @param graceMs how long running invocations may take to finish; 0 kills the executors at once
   */
  async stop(end: AllocationEnd, graceMs: number = EXECUTOR_DRAIN_GRACE_MS): Promise<AllocationEnd> {
    if (this.#end !== null) {
      // A caller with grace 0 does not wait for the grace of an earlier call.
      if (graceMs === 0) for (const each of this.#executors) void each.stop(0)
      return this.closed
    }
    this.#end = end
    const current = this.#current
    if (!this.#isLaunched) void current?.stop(0)
    const others = [...this.#executors].filter((each) => each !== current)
    const stopping = others.map((each) => each.stop(each === this.#former ? graceMs : 0))
    await this.launched
    current?.endRestarts()
    const mayKeep = end.reason === 'released' && this.#retrieval === null && graceMs > 0
    const kept = mayKeep ? ((await current?.park(graceMs)) ?? null) : null
    await Promise.all([current?.stop(graceMs), ...stopping])
    this.#settle()
    if (kept !== null) this.#context.kept.keep(kept.executor, kept.what, kept.ms)
    this.#isClosed = true
    this.#close.resolve(end)
    return end
  }

  #newExecutor(): LeasedExecutor {
    const { claims } = this
    const { leaseId } = claims
    const executor: LeasedExecutor = new LeasedExecutor({
      claims,
      context: this.#context,
      environment: this.#environment,
      output: this.#output,
      tell: (news) => {
        this.workers.tell(news)
        this.#context.onWorker?.(leaseId, news)
      },
      onExit: (exit) => this.#gone(executor, exit),
      onHopeless: (reason) => {
        const again = `a worker ended again and again before it could serve: ${reason}`
        if (executor !== this.#current) {
          executor.lost(again)
          return void executor.stop(0)
        }
        void this.stop({ reason: 'executor_crashed', message: `The executor of lease ${leaseId} crashed: ${again}` }, 0)
      },
    })
    this.#executors.add(executor)
    return executor
  }

  /** Waits for the former executor; ends one that stands by, and kept ones whose memory is needed. */
  async #makeRoomForNext(): Promise<void> {
    const { leaseId, memoryMib } = this.claims
    this.#refuseUpdate()
    if (this.#former !== null && !(await this.#isGoneSoon(this.#former))) {
      const reason = 'the workers from before its last update still answer what was sent to them'
      throw new RfaasError('lease_denied', `Cannot update lease ${leaseId} in place: ${reason}`)
    }
    if (this.#next !== null) await this.#discard(this.#next)
    await this.#context.kept.makeRoom(memoryMib)
  }

  async #isGoneSoon({ gone }: LeasedExecutor): Promise<boolean> {
    const late = Promise.withResolvers<boolean>()
    const cancelTimer = this.#context.clock.after(UPDATE_FORMER_MS_MAX, () => late.resolve(false))
    const isGone = await Promise.race([gone.then(() => true), late.promise])
    cancelTimer()
    // Whoever ends it has put it out of its place by now.
    return isGone
  }

  /** Handles the end of an executor that had been started. */
  #gone(executor: LeasedExecutor, { code, how }: ProcessExit): void {
    if (this.#end !== null) return
    const isDone = code === EXIT_CLIENT_GONE || (this.#retrieval !== null && code === 0)
    if (executor !== this.#current) {
      if (!isDone && !executor.isStopped) executor.lost(`its executor ${how}`)
      return void this.#discard(executor)
    }
    if (!isDone || this.#former === null || this.#former.isStopped)
      return void this.stop(this.#endOfProcess(executor, code, how))
    // The former one may still have something to answer, or its client has gone back to it.
    this.#current = this.#former
    this.#former = null
    void this.#discard(executor)
  }

  /** Ends an executor that the lease does not use; resolves when it is gone. */
  async #discard(executor: LeasedExecutor, graceMs = 0): Promise<void> {
    await executor.stop(graceMs)
    if (this.#next === executor) this.#next = null
    if (this.#former === executor) this.#former = null
    if (!this.#executors.delete(executor)) return
    this.#metered = addMetered(this.#metered, executor.metered)
    // The client has been told of those that are gone for longer.
    for (const executorId of this.#lastGone.splice(0)) this.workers.forget(executorId)
    this.#lastGone.push(executor.id)
  }

  #endOfProcess(executor: LeasedExecutor, code: number | null, how: string): AllocationEnd {
    const { leaseId } = this.claims
    if (code === EXIT_CLIENT_GONE) {
      return { reason: 'released', message: `Lease ${leaseId} was released: its client closed its connections` }
    }
    if (this.#retrieval !== null && code === 0) {
      return { reason: 'retrieved', message: this.#retrieval.message }
    }
    return { reason: 'executor_crashed', message: executor.crashSentence(how) }
  }

  #settle(): void {
    this.#stoppedMs ??= this.#context.clock.nowMonotonicMs()
    this.#output?.close()
    this.#giveBack.dispose()
  }

  /** @throws {RfaasError} when there can be no other executor: the lease is over, taken back or has none */
  #refuseUpdate(): void {
    const { leaseId } = this.claims
    if (this.#end !== null) throw this.#closedError('update lease', this.#end)
    if (this.#retrieval !== null)
      throw this.#closedError('update lease', { reason: 'retrieved', message: this.#retrieval.message })
    if (this.#current?.isReady !== true)
      throw new RfaasError('not_found', `Lease ${leaseId} has no executor on this node`)
  }

  #noExecutor(executorId: string): RfaasError {
    return new RfaasError('not_found', `Lease ${this.claims.leaseId} has no executor ${executorId} that stands by`)
  }

  #closedError(what: string, end: AllocationEnd): RfaasError {
    return new RfaasError(codeOfEnd(end.reason), `Cannot ${what}: ${end.message}`)
  }
}
