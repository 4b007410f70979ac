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

/** What the resource manager is told of one lease. */
export interface LeaseReport {
  readonly leaseId: string
  readonly usage: Usage
  /** null while it runs. */
  readonly end: AllocationEnd | null
}

/** What a client is told that watches. */
export type LeaseNews =
  | { readonly state: 'active' }
  | { readonly state: 'terminating'; readonly retrieval: RetrievalNotice }
  | { readonly state: 'closed'; readonly end: AllocationEnd }

/** A lease that the resource manager takes back. */
export interface Retrieval extends RetrievalNotice {
  readonly leaseId: string
}

export interface NodeLeasesOptions extends AllocationContext {
  /** Called when an allocation became active or was closed: the resource manager should hear of it now. */
  onChange: (allocation: Allocation) => void
}

interface Entry {
  /** The highest that was seen; tokens with a lower one are out of date. */
  fence: number
  /** When what runs is stopped. */
  expiresUnixMs: number
  /** When the last token that was seen is good for nothing. */
  tokensExpireUnixMs: number
  allocation: Allocation | null
}

/** The leases that this node has seen, each until it has expired and nobody will ask for it any more. */
export class NodeLeases {
  readonly #options: NodeLeasesOptions
  readonly #entries = new Map<string, Entry>()
  /** Closed ones that the resource manager has not confirmed to have heard of. */
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
   * Takes note of a verified token.
   *
   * @throws {RfaasError} `token_refused` when a later one of the same lease was seen
   */
  admit(claims: LeaseClaims): void {
    this.#entryOf(claims)
  }

  /**
   * Gives cores and memory to a lease and starts its executor.
   *
   * @throws {RfaasError} `token_refused` (out of date, or its executor runs already), `lease_denied`, the code of its end
   * when it is over, and what {@link Allocation.start} throws
   */
  async allocate(claims: LeaseClaims, request: AllocationRequest): Promise<StartedExecutor> {
    const entry = this.#entryOf(claims)
    if (entry.allocation?.end) throw over('start executor of lease', claims, entry.allocation.end)
    if (entry.allocation !== null) {
      const reason = `lease ${claims.leaseId} has its executor already`
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
   * @throws {RfaasError} `token_refused` when it is out of date; `not_found` when nothing runs; the code of its end when
   * it is over or taken back
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
   * Stops the executor. Idempotent, also where there never was one.
   *
   * @param graceMs how long what runs may still run; 0 kills it at once
   * @returns what the lease has used in all
   * @throws {RfaasError} `token_refused` when the token is out of date
   */
  async release(claims: LeaseClaims, graceMs: number = EXECUTOR_DRAIN_GRACE_MS): Promise<Usage> {
    const { allocation } = this.#entryOf(claims)
    const message = `Lease ${claims.leaseId} was released by its client`
    await allocation?.stop({ reason: 'released', message }, graceMs)
    return allocation?.usage ?? NO_USAGE
  }

  /**
   * Tells that the lease is active, that it is taken back, how it ended: each once, and what is past not at all. Ends
   * early when `signal` aborts.
   *
   * @throws {RfaasError} `token_refused`; `not_found` when nothing was allocated for it
   */
  async *watch(claims: LeaseClaims, signal: AbortSignal): AsyncGenerator<LeaseNews> {
    const { allocation } = this.#entryOf(claims)
    if (allocation === null) throw this.#notAllocated(claims)
    await untilAborted(allocation.launched, signal)
    if (allocation.startFailed) throw this.#notAllocated(claims)
    if (!signal.aborted && allocation.end === null && allocation.retrieval === null) yield { state: 'active' }
    await untilAborted(Promise.race([allocation.noticed, allocation.closed]), signal)
    const { retrieval } = allocation
    if (!signal.aborted && !allocation.isClosed && retrieval !== null) yield { state: 'terminating', retrieval }
    const end = await untilAborted(allocation.closed, signal)
    if (end !== null) yield { state: 'closed', end }
  }

  /** Stops those of the named leases that run: the resource manager says that they are over. */
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

  /** Has those of the named leases that run finish what they run within their grace, and stops them then. */
  retrieve(retrievals: readonly Retrieval[]): void {
    const nowUnixMs = this.#options.clock.nowUnixMs()
    for (const { leaseId, message, graceMs } of retrievals) {
      const entry = this.#entries.get(leaseId)
      const { allocation } = entry ?? {}
      if (!entry || !allocation || allocation.isClosed) continue
      allocation.retrieve({ message, graceMs })
      // Of several graces it has the shortest.
      entry.expiresUnixMs = nowUnixMs + allocation.retrieval!.graceMs
      this.#deadlines.set(leaseId, entry.expiresUnixMs)
    }
  }

  /** Stops all that runs, for the node leaves; resolves when all is stopped. */
  async stopAll(): Promise<void> {
    this.#stopped = true
    const stopping = [...this.#entries].map(([leaseId, { allocation }]) =>
      allocation?.stop({ reason: 'retrieved', message: `Lease ${leaseId} was retrieved: its node shuts down` }),
    )
    await Promise.all(stopping)
    this.#deadlines.clear()
  }

  /** What the resource manager has to hear: all that runs, and what was closed since it last confirmed. */
  reports(): LeaseReport[] {
    const reports: LeaseReport[] = []
    for (const [leaseId, { usage, end }] of this.#unconfirmed) reports.push({ leaseId, usage, end })
    for (const [leaseId, { allocation }] of this.#entries) {
      // One that still starts may yet fail, and then never was.
      if (allocation?.isLaunched && !allocation.isClosed) reports.push({ leaseId, usage: allocation.usage, end: null })
    }
    return reports
  }

  /** The resource manager has heard these. */
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
      const reason = `its fence is ${fence}, a token with ${known.fence} has been seen`
      throw new RfaasError('token_refused', `Cannot accept the lease token: ${reason}`)
    }
    known.fence = fence
    known.tokensExpireUnixMs = Math.max(known.tokensExpireUnixMs, expiresUnixMs)
    return known
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
      // It has had its time.
      else void allocation.stop({ reason: 'retrieved', message: retrieval.message }, 0)
    }
    // Until its tokens expire it must be known that they are used up; a later one may have been seen meanwhile.
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

/** null when `signal` was first. Leaves no listener behind on either. */
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
