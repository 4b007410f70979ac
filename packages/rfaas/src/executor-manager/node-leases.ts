import { once } from 'node:events'
import { NO_USAGE } from '../accounting/usage.ts'
import type { Usage } from '../accounting/usage.ts'
import { RfaasError } from '../errors.ts'
import { codeOfEnd } from '../lease/lease.ts'
import type { LeaseClaims } from '../lease/token.ts'
import { EXECUTOR_DRAIN_GRACE_MS, LEASE_REMEMBERED_MS } from './limits.ts'
import { Allocation } from './allocation.ts'
import type {
  AllocationContext,
  AllocationEnd,
  AllocationRequest,
  RetrievalNotice,
  StartedExecutor,
} from './allocation.ts'
import { Deadlines } from './deadlines.ts'
import type { EndRequest } from './lease-workers.ts'
import type { OutputBatch } from './output-queue.ts'
import type { WorkerNews } from './worker-news.ts'

/** The report about one lease to the resource manager. */
export interface LeaseReport {
  readonly leaseId: string
  readonly usage: Usage
  /** null while it runs. */
  readonly end: AllocationEnd | null
}

/** The messages to a client that watches a lease. */
export type LeaseNews =
  | { readonly state: 'active' }
  | { readonly state: 'terminating'; readonly retrieval: RetrievalNotice }
  | { readonly state: 'closed'; readonly end: AllocationEnd }
  /** The lease is in the same state as before. */
  | { readonly state: 'worker'; readonly news: WorkerNews }

/** A lease that the resource manager takes back. */
export interface Retrieval extends RetrievalNotice {
  readonly leaseId: string
}

export interface NodeLeasesOptions extends AllocationContext {
  /** Called when an allocation became active or was closed, so that the resource manager can be told at once. */
  onChange: (allocation: Allocation) => void
}

interface Entry {
  /** The highest fence seen in a token; tokens with a lower one are out of date. */
  fence: number
  /** When the executor is stopped. */
  expiresUnixMs: number
  /** When the token with the latest expiry, of those seen, expires. */
  tokensExpireUnixMs: number
  allocation: Allocation | null
}

/** The leases that this node has seen. Each is kept until its tokens have expired and late questions are answered. */
export class NodeLeases {
  readonly #options: NodeLeasesOptions
  readonly #entries = new Map<string, Entry>()
  /** Closed leases whose end the resource manager has not confirmed yet. */
  readonly #unconfirmed = new Map<string, Allocation>()
  readonly #deadlines: Deadlines
  #stopped = false

  constructor(options: NodeLeasesOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, (leaseId) => this.#onDue(leaseId))
  }

  has(leaseId: string): boolean {
    return this.#entries.has(leaseId)
  }

  /**
   * Records a verified token.
   *
   * @throws {RfaasError} `token_refused` when a later token of the same lease was seen
   */
  admit(claims: LeaseClaims): void {
    this.#entryOf(claims)
  }

  /**
   * Allocates capacity to a lease and starts its executor.
   *
   * @throws {RfaasError} `token_refused` (out of date, or its executor runs already), `lease_denied`, `closed` when the
   * node shuts down, the code of the lease's end when it is over, and what {@link Allocation.start} throws
   */
  async allocate(claims: LeaseClaims, request: AllocationRequest): Promise<StartedExecutor> {
    const entry = this.#entryOf(claims)
    if (entry.allocation?.end) throw over('start executor of lease', claims, entry.allocation.end)
    if (entry.allocation !== null) {
      const reason = `lease ${claims.leaseId} already has an executor`
      throw new RfaasError('token_refused', `Cannot accept the lease token again: ${reason}`)
    }
    if (this.#stopped) throw new RfaasError('closed', 'Cannot start executor: the node shuts down')
    const allocation = new Allocation(claims, this.#options)
    entry.allocation = allocation
    this.#setExpiry(entry, claims)
    void allocation.closed.then(() => this.#onClosed(claims.leaseId, allocation))
    try {
      const started = await allocation.start(request)
      this.#options.onChange(allocation)
      return started
    } catch (error) {
      if (allocation.startFailed) entry.allocation = null
      throw error
    }
  }

  /**
   * Starts a second executor for a lease, as {@link Allocation.startUpdate}.
   *
   * @throws {RfaasError} `token_refused`; `not_found` when the lease has no executor; as {@link Allocation.startUpdate}
   */
  async startUpdate(claims: LeaseClaims, request: AllocationRequest): Promise<StartedExecutor> {
    return this.#allocationOf(claims).startUpdate(request)
  }

  /** As {@link Allocation.useExecutor}. @throws {RfaasError} `token_refused`; `not_found` */
  useExecutor(claims: LeaseClaims, executorId: string): void {
    this.#allocationOf(claims).useExecutor(executorId)
  }

  /** As {@link Allocation.endExecutor}. @throws {RfaasError} `token_refused`; `not_found` */
  async endExecutor(claims: LeaseClaims, executorId: string): Promise<void> {
    await this.#allocationOf(claims).endExecutor(executorId)
  }

  /**
   * Moves the lease's expiry to that of the new token.
   *
   * @throws {RfaasError} `token_refused` when the token is out of date; `not_found` when the lease has no executor; the
   * code of its end when it is over or taken back
   */
  extend(claims: LeaseClaims): void {
    const entry = this.#entryOf(claims)
    const { allocation } = entry
    if (allocation === null) throw this.#notAllocated(claims)
    if (allocation.end !== null) throw over('extend lease', claims, allocation.end)
    const { retrieval } = allocation
    if (retrieval !== null) throw over('extend lease', claims, { reason: 'retrieved', message: retrieval.message })
    this.#setExpiry(entry, claims)
  }

  /**
   * Stops the executor. Idempotent; has no effect when there is none.
   *
   * @param graceMs how long running invocations may take to finish; 0 kills the executor at once
   * @returns what the lease has used in total
   * @throws {RfaasError} `token_refused` when the token is out of date
   */
  async release(claims: LeaseClaims, graceMs: number = EXECUTOR_DRAIN_GRACE_MS): Promise<Usage> {
    const { allocation } = this.#entryOf(claims)
    const message = `Lease ${claims.leaseId} was released by its client`
    await allocation?.stop({ reason: 'released', message }, graceMs)
    return allocation?.usage ?? NO_USAGE
  }

  /**
   * Ends a worker for its client, as {@link Allocation.endWorker}.
   *
   * @throws {RfaasError} `token_refused`; `not_found` when the lease has no executor
   */
  endWorker(claims: LeaseClaims, executorId: string, request: EndRequest): boolean {
    return this.#allocationOf(claims).endWorker(executorId, request)
  }

  /**
   * Yields when the lease is active, when it is taken back and when it has ended: each once, and states that are past
   * not at all. Between them yields what becomes of its workers. Ends early when `signal` aborts.
   *
   * @throws {RfaasError} `token_refused`; `not_found` when the lease has no executor
   */
  async *watch(claims: LeaseClaims, signal: AbortSignal): AsyncGenerator<LeaseNews> {
    const allocation = this.#allocationOf(claims)
    await untilAborted(allocation.launched, signal)
    if (allocation.startFailed) throw this.#notAllocated(claims)
    if (!signal.aborted && allocation.end === null && allocation.retrieval === null) yield { state: 'active' }
    const { workers, closed, noticed } = allocation
    let told = 0
    let isNoticed = false
    while (!signal.aborted) {
      const { retrieval } = allocation
      if (workers.changes > told) {
        const news = workers.since(told)
        told = workers.changes
        for (const each of news) yield { state: 'worker', news: each }
      } else if (!isNoticed && !allocation.isClosed && retrieval !== null) {
        isNoticed = true
        yield { state: 'terminating', retrieval }
      } else if (allocation.isClosed) {
        return yield { state: 'closed', end: allocation.end! }
      } else {
        const changes: Promise<unknown>[] = isNoticed ? [closed] : [closed, noticed]
        await untilAborted(Promise.race([...changes, workers.changed]), signal)
      }
    }
  }

  /**
   * Yields what the functions print, until the executor has ended. Ends early when `signal` aborts.
   *
   * @throws {RfaasError} `token_refused`; `not_found` when the lease has no executor, or none whose output was asked for
   */
  watchOutput(claims: LeaseClaims, signal: AbortSignal): AsyncGenerator<OutputBatch> {
    const { allocation } = this.#entryOf(claims)
    if (!allocation?.output) throw this.#notAllocated(claims)
    return allocation.output.read(signal)
  }

  /** Stops the executors of leases that the resource manager has closed. Unknown leases are ignored. */
  stopClosed(leaseIds: readonly string[]): void {
    const nowUnixMs = this.#options.clock.nowUnixMs()
    for (const leaseId of leaseIds) {
      const entry = this.#entries.get(leaseId)
      if (!entry?.allocation) continue
      if (nowUnixMs >= entry.expiresUnixMs) void entry.allocation.stop(expired(leaseId))
      else {
        const message = `Lease ${leaseId} was retrieved: the resource manager has closed it`
        void entry.allocation.stop({ reason: 'retrieved', message })
      }
    }
  }

  /** Lets the named leases that run finish their running invocations within the grace, then stops them. */
  retrieve(retrievals: readonly Retrieval[]): void {
    const nowUnixMs = this.#options.clock.nowUnixMs()
    for (const { leaseId, message, graceMs } of retrievals) {
      const entry = this.#entries.get(leaseId)
      const { allocation } = entry ?? {}
      if (!entry || !allocation || allocation.isClosed) continue
      allocation.retrieve({ message, graceMs })
      // When there are several notices, the shortest grace applies.
      entry.expiresUnixMs = nowUnixMs + allocation.retrieval!.graceMs
      this.#deadlines.set(leaseId, entry.expiresUnixMs)
    }
  }

  /** Stops all executors because the node leaves; resolves when all are stopped. */
  async stopAll(): Promise<void> {
    this.#stopped = true
    const stopping = [...this.#entries].map(([leaseId, { allocation }]) =>
      allocation?.stop({ reason: 'retrieved', message: `Lease ${leaseId} was retrieved: its node shuts down` }),
    )
    await Promise.all(stopping)
    this.#deadlines.clear()
  }

  /** Reports for the resource manager: all running leases, and those closed since the manager last confirmed. */
  reports(): LeaseReport[] {
    const reports: LeaseReport[] = []
    for (const [leaseId, { usage, end }] of this.#unconfirmed) reports.push({ leaseId, usage, end })
    for (const [leaseId, { allocation }] of this.#entries) {
      // A lease that is still starting is not reported: if the start fails, it never ran.
      if (allocation?.isLaunched && !allocation.isClosed) reports.push({ leaseId, usage: allocation.usage, end: null })
    }
    return reports
  }

  /** Marks these reports as received by the resource manager. */
  confirm(reports: readonly LeaseReport[]): void {
    for (const { leaseId, end } of reports) if (end !== null) this.#unconfirmed.delete(leaseId)
  }

  #entryOf(claims: LeaseClaims): Entry {
    const { leaseId, fence, expiresUnixMs } = claims
    const known = this.#entries.get(leaseId)
    if (known === undefined) {
      const entry: Entry = { fence, expiresUnixMs, tokensExpireUnixMs: expiresUnixMs, allocation: null }
      this.#entries.set(leaseId, entry)
      this.#deadlines.set(leaseId, expiresUnixMs)
      return entry
    }
    if (fence < known.fence) {
      const reason = `its fencing number is ${fence}, this node has seen a token with ${known.fence}`
      throw new RfaasError('token_refused', `Cannot accept the lease token: ${reason}`)
    }
    known.fence = fence
    known.tokensExpireUnixMs = Math.max(known.tokensExpireUnixMs, expiresUnixMs)
    return known
  }

  #allocationOf(claims: LeaseClaims): Allocation {
    const { allocation } = this.#entryOf(claims)
    if (allocation === null) throw this.#notAllocated(claims)
    return allocation
  }

  #setExpiry(entry: Entry, { leaseId, expiresUnixMs }: LeaseClaims): void {
    entry.expiresUnixMs = expiresUnixMs
    this.#deadlines.set(leaseId, expiresUnixMs)
  }

  #onDue(leaseId: string): void {
    const entry = this.#entries.get(leaseId)
    if (entry === undefined) return
    const { allocation } = entry
    if (allocation?.isClosed === false) {
      const retrieval = allocation.retrieval
      if (retrieval === null) void allocation.stop(expired(leaseId))
      // The grace is over, so kill without another one.
      else void allocation.stop({ reason: 'retrieved', message: retrieval.message }, 0)
    }
    // Keep the entry until its tokens expire, so that a used token cannot start the lease again; a token with a later
    // expiry may have been seen meanwhile.
    else if (this.#options.clock.nowUnixMs() < entry.tokensExpireUnixMs) {
      this.#deadlines.set(leaseId, entry.tokensExpireUnixMs)
    } else this.#entries.delete(leaseId)
  }

  #onClosed(leaseId: string, allocation: Allocation): void {
    this.#unconfirmed.set(leaseId, allocation)
    this.#deadlines.set(leaseId, this.#options.clock.nowUnixMs() + LEASE_REMEMBERED_MS)
    this.#options.onChange(allocation)
  }

  #notAllocated({ leaseId }: LeaseClaims): RfaasError {
    return new RfaasError('not_found', `Lease ${leaseId} has no executor on this node`)
  }
}

function over(verb: string, { leaseId }: LeaseClaims, { reason, message }: AllocationEnd): RfaasError {
  return new RfaasError(codeOfEnd(reason), `Cannot ${verb} ${leaseId}: ${message}`)
}

function expired(leaseId: string): AllocationEnd {
  return { reason: 'expired', message: `Lease ${leaseId} expired: it was not renewed in time` }
}

/** The result of `promise`, or null when `signal` aborts first. Leaves no listener behind on either. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null
  const done = new AbortController()
  const aborted = once(signal, 'abort', { signal: done.signal }).then(
    () => null,
    () => null,
  )
  try {
    return await Promise.race([promise, aborted])
  } finally {
    done.abort()
  }
}
