import type { Clock } from '../../clock.ts'
import type { ExecutorManagerClient, ManagerClient } from '../../control/client.ts'
import { LeaseEnd, LeaseState, type LeaseInfo, type WorkerNews } from '../../control/gen/rfaas_pb.ts'
import { usageFromProto } from '../../accounting/usage.ts'
import { RfaasError, toRfaasError, type ErrorCode } from '../../errors.ts'
import { codeOfEnd } from '../../lease/lease.ts'
import { LEASE_LAST_OUTPUT_MS, LEASE_LISTEN_DELAY_MS, LEASE_LOSS_REASON_MS, LEASE_NEWS_DELAY_MS } from '../limits.ts'
import type { Bill, OutputLine, RetrievalNotice } from '../types.ts'
import type { AsideLeaseHandle, AsideListener } from './keep-aside.ts'
import { readOutput } from './lease-output.ts'
import { expiryOf, Renewals, type LeasePhase, type LeaseTerms } from './renewals.ts'

/** Has a lease renewed by another thread; null when there can be no such thread. */
export type KeepAside = (lease: LeaseTerms, listener: AsideListener) => AsideLeaseHandle | null

/** What the keeper starts from. */
export interface LeaseGrant {
  manager: ManagerClient
  /** Closed when the lease is released. */
  node: ExecutorManagerClient
  clock: Clock
  /** Default: the keeper renews the lease itself, on its own event loop. */
  aside?: KeepAside
  lease: LeaseInfo
  token: string
  durationMs: number
  /**
   * When the lease was requested, by the monotonic clock. With the manager's time in its answer, `nowUnixMs`, it tells
   * how long the lease has.
   */
  askedMs: number
  nowUnixMs: number
}

/** The error that the users of a lease get once it is over, by its end. */
const ENDS: Record<LeaseEnd, { code: ErrorCode; sentence: string }> = {
  [LeaseEnd.UNSPECIFIED]: { code: 'lease_closed', sentence: 'it is over' },
  [LeaseEnd.RELEASED]: { code: codeOfEnd('released'), sentence: 'it was released' },
  [LeaseEnd.EXPIRED]: { code: codeOfEnd('expired'), sentence: 'it expired' },
  [LeaseEnd.RETRIEVED]: { code: codeOfEnd('retrieved'), sentence: 'it was retrieved' },
  [LeaseEnd.NODE_LOST]: { code: codeOfEnd('node_lost'), sentence: 'its node was lost' },
  [LeaseEnd.EXECUTOR_CRASHED]: { code: codeOfEnd('executor_crashed'), sentence: 'its executor crashed' },
  [LeaseEnd.DENIED]: { code: codeOfEnd('denied'), sentence: 'it was denied' },
}

/**
 * The reason with which a stream or a wait for a lease is given up. One error for all: a new error would hold on, by
 * its stack, to the lease for as long as the closed stream lives.
 */
export const LET_GO: RfaasError = new RfaasError('closed', 'Nobody waits for this lease any more')

/**
 * Keeps one lease: has it renewed, watches it at its node, releases it. Nothing here is on the path of an invocation.
 * Like an open connection, an open lease keeps the process alive.
 *
 * While the lease is being opened, and where there is no keeper thread, the lease is renewed here. Otherwise the keeper
 * thread renews it as soon as it runs, also while our event loop stands still.
 */
export class LeaseKeeper {
  readonly leaseId: string
  readonly nodeId: string
  /** Called once, when the lease is over though nobody released it. */
  onClosed: ((error: RfaasError) => void) | null = null
  /** Called once, when the lease is retrieved and may run on for a while. */
  onRetrieved: ((notice: RetrievalNotice) => void) | null = null
  /** Called when the lease was renewed. */
  onRenewed: ((expires: Date) => void) | null = null
  /** By executor: called when one of its workers has ended, or can be reached again. */
  readonly onWorker: Map<string, (news: WorkerNews) => void> = new Map()
  /** Called when the watch at the node has ended: from then on only the workers' channels tell of the workers' end. */
  onUnheard: (() => void) | null = null
  readonly #grant: LeaseGrant
  readonly #watch = new AbortController()
  readonly #closed = Promise.withResolvers<RfaasError>()
  #token: string
  /** By our monotonic clock: the manager's clock need not agree with ours, and our wall clock may be set. */
  #expiresMs = 0
  /** The same for people, by our wall clock as it was when the expiry became known. */
  #expires = new Date(0)
  /** The renewals on this thread; once the keeper thread has taken its turn, they do nothing. */
  #renewals: Renewals
  #aside: AsideLeaseHandle | null = null
  /** Settles when all output has come; null when nobody asked for it. */
  #output: Promise<void> | null = null
  #over = false
  #retrieved = false

  constructor(grant: LeaseGrant) {
    this.#grant = grant
    this.#token = grant.token
    this.leaseId = grant.lease.leaseId
    this.nodeId = grant.lease.nodeId
    this.#expireAt(expiryOf(grant.lease, grant))
    // Renew from now on: on a busy node the start of an executor can take longer than the lease was granted for.
    this.#renewals = this.#renewHere('granted')
  }

  /** When the lease ends unless it is renewed; the time that the manager's answer took is subtracted. */
  get expires(): Date {
    return this.#expires
  }

  /** Proves to the node that the lease is ours. */
  get token(): string {
    return this.#token
  }

  /** The token to allocate with. From now on the node is told of every renewal. */
  async tokenToAllocate(): Promise<string> {
    // The node refuses a token when it has seen a later one, so no renewal may be under way now.
    await this.#renewals.underWay
    this.#renewals.phase = 'allocating'
    return this.#token
  }

  /**
   * Called once the node has allocated: watches the lease, and takes for final what node and manager say from now on.
   */
  start(): void {
    this.#renewals.phase = 'active'
    this.#aside = this.#grant.aside?.(this.#terms, this.#listener()) ?? null
    // Delayed to let the first invocation go first; the node also reports what happened before the watch began.
    const listen = (): void => {
      if (!this.#over) void this.#listen()
    }
    this.#grant.clock.after(LEASE_LISTEN_DELAY_MS, listen, true)
  }

  /**
   * Resolves to the reason why a worker is gone: the node's, or after LEASE_LOSS_REASON_MS that the node gives none.
   * Closes the lease with it, unless only that worker is gone.
   *
   * @param explained resolves when the node has said that only that worker is gone. Default: never
   * @returns null when it is explained
   */
  async reasonForLoss(explained: Promise<null> | null = null): Promise<RfaasError | null> {
    const reason = await this.explainLoss(explained)
    if (reason !== null) this.#close(reason)
    return reason
  }

  /** As {@link reasonForLoss}, of a worker that the lease can do without: does not close the lease. */
  async explainLoss(explained: Promise<null> | null = null): Promise<RfaasError | null> {
    const silence = Promise.withResolvers<RfaasError>()
    const giveUp = (): void => {
      const sentence = `The executor of lease ${this.leaseId} on node ${this.nodeId} is gone, and the node does not say why`
      silence.resolve(new RfaasError('executor_lost', sentence))
    }
    const cancelTimer = this.#grant.clock.after(LEASE_LOSS_REASON_MS, giveUp, true)
    const reason = await Promise.race([this.#closed.promise, silence.promise, ...(explained ? [explained] : [])])
    cancelTimer()
    return reason
  }

  /**
   * Asks the node to end a worker that does not answer.
   *
   * @param restarts how often it was restarted so far
   * @param sent invocations that it was sent since
   * @returns whether it ends; false also when the node cannot be asked
   */
  async endWorker(executorId: string, worker: number, restarts: number, sent: number): Promise<boolean> {
    if (this.#over) return false
    try {
      const order = { token: this.#token, executorId, worker, restarts, sent }
      const { ending } = await this.#grant.node.rpc.restartWorker(order)
      return ending
    } catch {
      // The worker is asked for again after another grace.
      return false
    }
  }

  /**
   * Has the node use this executor for the lease from now on, in place of the present one.
   *
   * @throws {RfaasError} `not_found` when it is gone; the code of the lease's end; `node_unreachable`
   */
  async useExecutor(executorId: string): Promise<void> {
    await this.withToken((token) => this.#grant.node.rpc.useExecutor({ token, executorId }))
  }

  /**
   * Has the node end this executor, and use the other one of the lease. Resolves when it is gone; when the node cannot be
   * asked, it ends at the latest with the lease.
   */
  async endExecutor(executorId: string): Promise<void> {
    if (this.#over) return
    await this.withToken((token) => this.#grant.node.rpc.endExecutor({ token, executorId })).catch(() => {})
  }

  /** Sends with the newest token, and again when the node has seen a later one meanwhile. */
  async withToken<T>(send: (token: string) => Promise<T>): Promise<T> {
    for (;;) {
      this.#aside?.hear()
      const token = this.#token
      try {
        return await send(token)
      } catch (error) {
        this.#aside?.hear()
        if (!(error instanceof RfaasError) || error.code !== 'token_refused' || token === this.#token) throw error
      }
    }
  }

  /** Passes on what the functions print, from the start of their executor to its end. Call it once, when allocated. */
  hearOutput(onLine: (line: OutputLine) => void): void {
    this.#output = readOutput(this.#grant.node, this.#token, this.leaseId, onLine)
  }

  /** Stops keeping the lease and holds no connection any more. `release` is still possible. Idempotent. */
  letGo(): void {
    this.#stop()
    this.#grant.node.close()
  }

  /**
   * Has the node stop the executor, and gives the lease back.
   *
   * @param graceMs how long running invocations may still run; default: the node's grace; 0: they are killed at once
   * @throws {RfaasError} `manager_unreachable`
   */
  async release(graceMs?: number): Promise<Bill> {
    this.#stop()
    const { node } = this.#grant
    const order = { token: this.#token, ...(graceMs === undefined ? {} : { graceMs }) }
    // An unreachable node has no executor of ours for longer than the lease, and the manager gets the lease back
    // anyway.
    if (this.#renewals.phase !== 'granted') await node.rpc.deallocate(order).catch(() => {})
    await this.#lastOutput()
    this.#grant.node.close()
    const { lease } = await this.#grant.manager.rpc.releaseLease({ leaseId: this.leaseId, token: this.#token })
    return { usage: usageFromProto(lease?.usage), cost: lease?.cost ?? 0 }
  }

  /** Waits a moment for the lines that are on their way, when nothing prints any more. */
  async #lastOutput(): Promise<void> {
    if (this.#output === null) return
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const cancelTimer = this.#grant.clock.after(LEASE_LAST_OUTPUT_MS, resolve, true)
    await Promise.race([this.#output, late])
    cancelTimer()
  }

  #expireAt(expiresMs: number): void {
    this.#expiresMs = expiresMs
    const { clock } = this.#grant
    this.#expires = new Date(clock.nowUnixMs() + expiresMs - clock.nowMonotonicMs())
  }

  get #terms(): LeaseTerms {
    const { durationMs } = this.#grant
    return { leaseId: this.leaseId, token: this.#token, durationMs, expiresMs: this.#expiresMs }
  }

  #renewHere(phase: LeasePhase): Renewals {
    const { manager, node, clock } = this.#grant
    const isOurs = (): boolean => this.#aside?.isOurs ?? true
    const onToken = (token: string): void => void (this.#token = token)
    const onRenewed = (expiresMs: number): void => this.#renewed(expiresMs)
    const onOver = (error: RfaasError): void => this.#close(error)
    return new Renewals({ ...this.#terms, manager, node, clock, isOurs, onToken, onRenewed, onOver }, phase)
  }

  #listener(): AsideListener {
    return {
      onToken: (token) => (this.#token = token),
      onRenewed: (expiresMs) => this.#renewed(expiresMs),
      // The node may have sent a more precise reason that is not read yet, because our event loop stood still.
      onOver: (error) => void this.#grant.clock.after(LEASE_NEWS_DELAY_MS, () => this.#close(error), true),
      onGone: () => {
        this.#aside = null
        this.#renewals.stop()
        if (!this.#over && !this.#retrieved) this.#renewals = this.#renewHere('active')
      },
    }
  }

  #renewed(expiresMs: number): void {
    this.#expireAt(expiresMs)
    if (!this.#over) this.onRenewed?.(this.#expires)
  }

  #stopRenewing(): void {
    this.#renewals.stop()
    this.#aside?.drop()
  }

  async #listen(): Promise<void> {
    const { node } = this.#grant
    this.#aside?.hear()
    const token = this.#token
    try {
      const changes = node.rpc.watchLease({ token }, { signal: this.#watch.signal })
      for await (const { state, end, message, graceMs, worker } of changes) {
        if (worker !== undefined && !this.#over) this.onWorker.get(worker.executorId)?.(worker)
        if (end === LeaseEnd.UNSPECIFIED) continue
        const { code, sentence } = ENDS[end] ?? ENDS[LeaseEnd.UNSPECIFIED]
        const detail = message === '' ? sentence : message
        if (state === LeaseState.TERMINATING) this.#retrieve({ message: detail, graceMs })
        else {
          await this.#lastOutput()
          this.#close(new RfaasError(code, `Lease ${this.leaseId} on node ${this.nodeId} is over: ${detail}`))
        }
      }
    } catch (thrown) {
      const error = toRfaasError(thrown)
      this.#aside?.hear()
      // The node has seen a later token, which was on its way at the same time as ours.
      if (error.code === 'token_refused' && token !== this.#token && !this.#over) return this.#listen()
      // The workers may outlive their executor manager; whether they do, only their channels can tell.
      if (!this.#over) {
        const sentence = `The executor of lease ${this.leaseId} is gone with its node ${this.nodeId}`
        this.#closed.resolve(new RfaasError('node_lost', sentence, { cause: error }))
      }
    }
    if (!this.#over) this.onUnheard?.()
  }

  /** Stops the renewals of a lease that is retrieved: it ends when nothing is in flight, or else after the grace. */
  #retrieve(notice: RetrievalNotice): void {
    if (this.#over || this.#retrieved) return
    this.#retrieved = true
    this.#stopRenewing()
    this.#expireAt(this.#grant.clock.nowMonotonicMs() + notice.graceMs)
    this.onRetrieved?.(notice)
  }

  #close(error: RfaasError): void {
    if (this.#over) return
    this.#stop()
    this.#closed.resolve(error)
    this.onClosed?.(error)
  }

  #stop(): void {
    this.#over = true
    this.#stopRenewing()
    this.#watch.abort(LET_GO)
  }
}
