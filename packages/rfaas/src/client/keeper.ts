import type { ExecutorManagerClient, ManagerClient } from '../control/client.ts'
import { LeaseEnd, type LeaseInfo } from '../control/gen/rfaas_pb.ts'
import { usageFromProto } from '../accounting/usage.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { LEASE_LOSS_REASON_MS, LEASE_RENEW_RETRY_MS } from '../limits.ts'
import type { Bill } from './types.ts'

/** What the keeper starts from. */
export interface LeaseGrant {
  manager: ManagerClient
  node: ExecutorManagerClient
  lease: LeaseInfo
  token: string
  durationMs: number
}

const ENDS: Record<LeaseEnd, string> = {
  [LeaseEnd.UNSPECIFIED]: 'it is over',
  [LeaseEnd.RELEASED]: 'it was released',
  [LeaseEnd.EXPIRED]: 'it expired',
  [LeaseEnd.RETRIEVED]: 'it was retrieved',
  [LeaseEnd.NODE_LOST]: 'its node was lost',
  [LeaseEnd.EXECUTOR_CRASHED]: 'its executor crashed',
  [LeaseEnd.DENIED]: 'it was denied',
}

/**
 * Keeps one lease: renews it well before it expires, listens to what its node tells of it, releases it. Nothing here
 * is on the path of an invocation. Like an open connection, an open lease keeps the process alive.
 */
export class LeaseKeeper {
  readonly leaseId: string
  readonly nodeId: string
  /** Called once, when the lease is over though nobody released it. */
  onClosed: ((error: RfaasError) => void) | null = null
  /** Called when the node cannot be heard any more: from then on only the workers' channels tell of their end. */
  onUnheard: (() => void) | null = null
  expiresUnixMs: number

  readonly #grant: LeaseGrant
  readonly #watch = new AbortController()
  readonly #closed = Promise.withResolvers<RfaasError>()
  #token: string
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<void> = Promise.resolve()
  #phase: 'granted' | 'allocating' | 'active' = 'granted'
  #over = false

  constructor(grant: LeaseGrant) {
    this.#grant = grant
    this.#token = grant.token
    this.leaseId = grant.lease.leaseId
    this.nodeId = grant.lease.nodeId
    this.expiresUnixMs = grant.lease.expiresUnixMs
    // At once: on a busy node the start of an executor can take longer than the lease was granted for.
    this.#renewIn(grant.durationMs / 3)
  }

  /** Shows the node that the lease is ours. */
  get token(): string {
    return this.#token
  }

  /** The token to allocate with. From now on the node is told of every renewal. */
  async tokenToAllocate(): Promise<string> {
    // The node refuses a token when it has seen a later one: none may be on its way now.
    await this.#renewing
    this.#phase = 'allocating'
    return this.#token
  }

  /** Begins to listen, and to take for final what node and manager say; once the node has allocated. */
  start(): void {
    this.#phase = 'active'
    void this.#listen()
  }

  /** Why a worker is gone, once the node has said so, or that it cannot be heard of. */
  async reasonForLoss(): Promise<RfaasError> {
    const silence = Promise.withResolvers<RfaasError>()
    const timer = setTimeout(() => {
      const sentence = `The executor of lease ${this.leaseId} on node ${this.nodeId} is gone, and the node does not say why`
      silence.resolve(new RfaasError('executor_lost', sentence))
    }, LEASE_LOSS_REASON_MS)
    const reason = await Promise.race([this.#closed.promise, silence.promise])
    clearTimeout(timer)
    this.#close(reason)
    return reason
  }

  /** @throws {RfaasError} `manager_unreachable` */
  async release(): Promise<Bill> {
    this.#stop()
    // An unreachable node has no executor of ours for longer than the lease; the manager gets the lease back anyway.
    await this.#grant.node.rpc.deallocate({ token: this.#token }).catch(() => {})
    this.#grant.node.close()
    const { lease } = await this.#grant.manager.rpc.releaseLease({ leaseId: this.leaseId, token: this.#token })
    return { usage: usageFromProto(lease?.usage), cost: lease?.cost ?? 0 }
  }

  #renewIn(delayMs: number): void {
    this.#timer = setTimeout(() => void (this.#renewing = this.#renew()), delayMs).unref()
  }

  async #renew(): Promise<void> {
    const { manager, node, durationMs } = this.#grant
    const retryMs = Math.min(LEASE_RENEW_RETRY_MS, durationMs / 3)
    try {
      const { lease, token } = await manager.rpc.renewLease({ leaseId: this.leaseId, token: this.#token, durationMs })
      if (this.#over) return
      this.#token = token
      if (this.#phase !== 'granted') await node.rpc.extend({ token })
      if (lease) this.expiresUnixMs = lease.expiresUnixMs
      if (!this.#over) this.#renewIn(durationMs / 3)
    } catch (thrown) {
      const error = toRfaasError(thrown)
      if (this.#over) return
      // While a manager or the node cannot be reached the lease goes on; it may be back before the lease expires. And
      // while the lease is still being opened, that fails with a better reason than ours.
      const final = error.code === 'lease_closed' || error.code === 'not_found' || error.code === 'token_refused'
      if (this.#phase !== 'active') this.#renewIn(retryMs)
      else if (final) this.#close(error)
      else if (Date.now() < this.expiresUnixMs) this.#renewIn(retryMs)
      else
        this.#close(new RfaasError('lease_closed', `Lease ${this.leaseId} expired: ${error.message}`, { cause: error }))
    }
  }

  async #listen(): Promise<void> {
    const { node } = this.#grant
    try {
      const changes = node.rpc.watchLease({ token: this.#token }, { signal: this.#watch.signal })
      for await (const { end, message } of changes) {
        if (end === LeaseEnd.UNSPECIFIED) continue
        const code = end === LeaseEnd.EXECUTOR_CRASHED ? 'executor_lost' : 'lease_closed'
        const detail = message === '' ? ENDS[end] : message
        this.#close(new RfaasError(code, `Lease ${this.leaseId} on node ${this.nodeId} is over: ${detail}`))
      }
    } catch (thrown) {
      const error = toRfaasError(thrown)
      // The workers may live on without their manager; that they do not is for their channels to say.
      if (!this.#over) {
        const sentence = `The executor of lease ${this.leaseId} is gone with its node ${this.nodeId}`
        this.#closed.resolve(new RfaasError('executor_lost', sentence, { cause: error }))
      }
    }
    if (!this.#over) this.onUnheard?.()
  }

  #close(error: RfaasError): void {
    if (this.#over) return
    this.#stop()
    this.#closed.resolve(error)
    this.onClosed?.(error)
  }

  #stop(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#watch.abort()
  }
}
