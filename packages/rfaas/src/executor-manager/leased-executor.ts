import { RfaasError } from '../errors.ts'
import type { ReadyMessage } from '../executor/messages.ts'
import type { LeaseClaims } from '../lease/token.ts'
import type { AllocationContext, AllocationRequest, ExecutorStart, StartedExecutor } from './allocation.ts'
import type { ProcessExit, StartOrder } from './executor-process.ts'
import type { Executor, ExecutorMeters } from './executors.ts'
import type { KeptExecutor } from './kept-executors.ts'
import type { KeptFor } from './kept-plan.ts'
import { LeaseWorkers, type EndRequest } from './lease-workers.ts'
import { EXECUTOR_HEAP_MIB_MIN, EXECUTOR_START_TIMEOUT_MS, KEPT_START_TIMEOUT_MS } from './limits.ts'
import type { Metered } from './meter-page.ts'
import { outputLine, type OutputQueue } from './output-queue.ts'
import type { WorkerNews } from './worker-news.ts'

/** Bytes of the secret that a client shows to one worker. */
const SECRET_BYTES = 32

const NOTHING_METERED: Metered = { hotPollingNs: 0, executionNs: 0, invocations: 0 }

export interface LeasedExecutorOptions {
  readonly claims: LeaseClaims
  readonly context: AllocationContext
  /** Environment variables that tell the functions which resources the lease has. */
  readonly environment: Readonly<Record<string, string>>
  /** What the functions print; null when the client did not ask for it. */
  readonly output: OutputQueue | null
  /** Called with what the client is to be told of the workers. */
  readonly tell: (news: WorkerNews) => void
  /** Called once when it has ended after its start, whatever the cause. */
  readonly onExit: (exit: ProcessExit) => void
  /** Called when a worker ends again and again before it begins an invocation; says why it ended last. */
  readonly onHopeless: (reason: string) => void
}

/** An executor of a lease, with what it holds on the node, from its start until its meters are read a last time. */
export class LeasedExecutor {
  readonly id: string
  readonly #options: LeasedExecutorOptions
  readonly #giveBack = new DisposableStack()
  readonly #gone = Promise.withResolvers<void>()
  readonly #started = Promise.withResolvers<void>()
  /** Which leases may take the executor over after the release, and how long it is kept; null: it is not kept. */
  #keep: { readonly what: KeptFor; readonly ms: number } | null = null
  #startMs = 0
  #start: ExecutorStart = 'cold'
  #coldReason: string | null = null
  #meters: ExecutorMeters | null = null
  /** null before it was taken, and once it is parked. */
  #executor: Executor | null = null
  #unfollow: (() => void) | null = null
  #unhear: (() => void) | null = null
  #unhearNews: (() => void) | null = null
  #workers: LeaseWorkers | null = null
  #isStopped = false

  constructor(options: LeasedExecutorOptions) {
    this.#options = options
    this.id = options.context.randomness.uuid()
  }

  get executorStart(): ExecutorStart {
    return this.#start
  }

  /** From when the process was started or taken until its workers could be reached; 0 before. */
  get startMs(): number {
    return this.#startMs
  }

  /** Why a new executor was started; null when a ready or kept one was used. */
  get coldReason(): string | null {
    return this.#coldReason
  }

  /** Whether its workers can be reached. */
  get isReady(): boolean {
    return this.#workers !== null && !this.#isStopped
  }

  /** Resolves when it has ended, or is parked, and has given back what it held. */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** What its workers have metered so far; final once it is stopped. */
  get metered(): Metered {
    return this.#meters?.read() ?? NOTHING_METERED
  }

  /**
   * Starts the executor. Call it once. When it fails, nothing is left of it.
   *
   * @throws {RfaasError} `not_found` (the bundle), `module_failed`, `executor_start_failed`, `unsupported`; `closed` when it
   * was stopped meanwhile
   */
  async start(request: AllocationRequest): Promise<StartedExecutor> {
    try {
      const started = await this.#startWith(request)
      const executor = this.#executor!
      this.#followWorkers(executor, started.secrets.length)
      this.#unfollow = executor.onExit(this.#options.onExit)
      return started
    } catch (error) {
      await this.#executor?.stop(0)
      this.#settle()
      throw error
    } finally {
      this.#started.resolve()
    }
  }

  /** Ends a worker for the client, as {@link LeaseWorkers.endWorker}; it is then restarted. */
  endWorker(request: EndRequest): boolean {
    return this.#workers?.endWorker(request) ?? false
  }

  /** Restarts no worker any more. */
  endRestarts(): void {
    this.#workers?.end()
  }

  /** Lets it finish the invocations that it was sent; it then ends by itself. */
  drain(): void {
    this.endRestarts()
    this.#executor?.drain()
  }

  /** Tells the client that the executor has ended while the lease goes on. */
  lost(reason: string): void {
    this.#workers?.lost(reason)
  }

  /**
   * Lets it finish its running invocations and kills it after the grace, or at once while it starts. Resolves when it is
   * gone and has given back what it held. A later call does not extend the grace.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true
    this.endRestarts()
    // Killing the process makes a start under way fail.
    const stopping = this.#executor?.stop(this.#workers === null ? 0 : graceMs)
    await this.#started.promise
    await stopping
    this.#settle()
  }

  /** Parks it for the next lease, if it may be kept; null when it may not or could not: then stop it. */
  async park(graceMs: number): Promise<{ executor: KeptExecutor; what: KeptFor; ms: number } | null> {
    const executor = this.#executor
    if (executor === null || this.#keep === null || this.#keep.ms <= 0) return null
    if (!(await executor.park(graceMs))) return null
    this.#unfollow?.()
    this.#executor = null
    return { executor: { process: executor, meters: this.#meters!.handOver() }, ...this.#keep }
  }

  /** Says, as a sentence, that its end ended the lease. */
  crashSentence(how: string): string {
    const { kind, lastOutput } = this.#executor!
    return `The executor of lease ${this.#options.claims.leaseId} crashed: the ${kind} ${how}${lastOutput}`
  }

  async #startWith(request: AllocationRequest): Promise<StartedExecutor> {
    const { claims, context, environment } = this.#options
    const { tenant, cores, memoryMib, resources } = claims
    const { clock, randomness } = context
    const { bundleSha256, keepWarmMs, env, output: _, ...shape } = request
    this.#refuseStopped()
    const bundle = await context.bundles.pin(bundleSha256)
    this.#giveBack.defer(bundle.release)
    context.native.check(bundle.path, tenant)
    this.#refuseStopped()
    // An executor with resources is not kept: its environment was set before its functions were loaded, and names the
    // units of this lease; the next lease may get others.
    if (Object.keys(resources).length === 0) {
      const what = { tenant, bundleSha256, fabric: shape.fabric, cores, memoryMib, env }
      this.#keep = { what, ms: context.kept.keptMs(keepWarmMs) }
    }
    const secrets = Array.from({ length: cores }, () => randomness.bytes(SECRET_BYTES))
    const startMs = clock.nowMonotonicMs()
    const order = { ...shape, bundlePath: bundle.path, secrets, environment: { ...env, ...environment } }
    const ready = (await this.#startKept(order)) ?? (await this.#startNew(order))
    this.#refuseStopped()
    this.#startMs = clock.nowMonotonicMs() - startMs
    return {
      ...ready,
      executorId: this.id,
      secrets,
      startMs: this.#startMs,
      start: this.#start,
      payloadBytesLargest: request.payloadBytesLargest ?? 0,
    }
  }

  /** Starts the lease in a kept executor; null when there is none, or when it does not start again. */
  async #startKept(order: StartOrder): Promise<ReadyMessage | null> {
    const { kept } = this.#options.context
    const taken = this.#keep === null ? null : kept.take(this.#keep.what)
    if (taken !== null) this.#use(taken, 'kept')
    // Only after `take`: otherwise the kept executor itself could be killed to make room.
    await kept.makeRoom()
    this.#refuseStopped()
    if (taken === null) return null
    taken.process.start(order)
    try {
      return await taken.process.ready(KEPT_START_TIMEOUT_MS)
    } catch {
      await taken.process.stop(0)
      this.#refuseStopped()
      return null
    }
  }

  async #startNew(order: StartOrder): Promise<ReadyMessage> {
    const { claims, context } = this.#options
    const heapMib = Math.max(EXECUTOR_HEAP_MIB_MIN, Math.floor(claims.memoryMib / claims.cores))
    const taken = context.pool.take({ workers: claims.cores, heapMib })
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
    const { onOutput, clock } = this.#options.context
    const { leaseId, cores } = this.#options.claims
    const queue = this.#options.output
    if (!onOutput && queue === null) return
    const unhear = process.onOutput?.((line, stream) => {
      onOutput?.(leaseId, line, queue !== null)
      queue?.push(outputLine(line, stream, cores, clock.nowUnixMs()))
    })
    this.#unhear = unhear ?? null
  }

  #followWorkers(executor: Executor, count: number): void {
    const { tell, onHopeless, context } = this.#options
    const workers = new LeaseWorkers({
      executorId: this.id,
      count,
      executor,
      meters: this.#meters!,
      newSecret: () => context.randomness.bytes(SECRET_BYTES),
      tell,
      onHopeless: (reason) => onHopeless(`${reason}${executor.lastOutput}`),
    })
    this.#workers = workers
    this.#unhearNews = executor.onNews?.((news) => workers.handle(news)) ?? null
  }

  #refuseStopped(): void {
    if (this.#isStopped) throw new RfaasError('closed', 'Cannot start executor: it was stopped')
  }

  #settle(): void {
    this.#unhear?.()
    this.#unhearNews?.()
    this.#giveBack.dispose()
    this.#gone.resolve()
  }
}
