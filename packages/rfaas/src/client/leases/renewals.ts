import type { Clock } from '../../clock.ts'
import type { ExecutorManagerClient, ManagerClient } from '../../control/client.ts'
import type { LeaseInfo } from '../../control/gen/rfaas_pb.ts'
import { RfaasError, toRfaasError, type ErrorCode } from '../../errors.ts'
import { codeOfEnd } from '../../lease/lease.ts'
import { LEASE_RENEW_PATIENCE_MS_MIN, LEASE_RENEW_RETRY_MS } from '../limits.ts'
import { CONTROL_CALL_TIMEOUT_MS } from '../../control/limits.ts'

/** What must be known of a lease to renew it. */
export interface LeaseTerms {
  readonly leaseId: string
  /** Any token of the lease: the manager accepts old ones, too. */
  readonly token: string
  readonly durationMs: number
  /** By the monotonic clock. */
  readonly expiresMs: number
}

/**
 * How far the lease is: `granted`, the node does not know it; `allocating`, the node may know it; `active`, the node
 * runs its executor, so that what manager and node say of it is final.
 */
export type LeasePhase = 'granted' | 'allocating' | 'active'

/** The servers and callbacks of a lease's renewals. */
export interface RenewalOptions extends LeaseTerms {
  readonly manager: Pick<ManagerClient, 'rpc'>
  readonly node: Pick<ExecutorManagerClient, 'rpc'>
  readonly clock: Clock
  /**
   * Whether this thread still renews the lease; checked before every message and every callback. False ends the
   * renewals.
   */
  readonly isOurs: () => boolean
  /** Called before the node sees the token, so that any token of ours that is shown to the node later is not older. */
  readonly onToken: (token: string) => void
  /** Called when manager and node have prolonged the lease. */
  readonly onRenewed: (expiresMs: number) => void
  /** Called once, when the lease cannot be renewed any more. Nothing is called after it. */
  readonly onOver: (error: RfaasError) => void
}

/** With these codes a manager or node says that a lease has ended; after any other code the next try may succeed. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  ...(['released', 'expired', 'retrieved', 'node_lost', 'executor_crashed', 'denied'] as const).map(codeOfEnd),
  'not_found',
  'token_refused',
])

/**
 * Renews one lease again and again, well before it expires: first at the manager, then at the node. The same code runs
 * in the keeper thread, on the main thread and in the simulation.
 */
export class Renewals {
  phase: LeasePhase
  readonly #options: RenewalOptions
  #token: string
  #expiresMs: number
  #cancelTimer: () => void = () => {}
  #underWay: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(options: RenewalOptions, phase: LeasePhase) {
    const { token, expiresMs, durationMs, clock } = options
    this.#options = options
    this.phase = phase
    this.#token = token
    this.#expiresMs = expiresMs
    // A third of the duration after the last renewal, which another thread may have made.
    this.#renewIn(Math.max(0, expiresMs - clock.nowMonotonicMs() - (2 * durationMs) / 3))
  }

  /** Settles when no renewal is under way. */
  get underWay(): Promise<void> {
    return this.#underWay
  }

  /** Sends no message and calls no callback from now on. An answer that is still on its way is dropped. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer()
  }

  #renewIn(delayMs: number): void {
    this.#cancelTimer = this.#options.clock.after(delayMs, () => void (this.#underWay = this.#renew()))
  }

  get #isOver(): boolean {
    return this.#isStopped || !this.#options.isOurs()
  }

  async #renew(): Promise<void> {
    if (this.#isOver) return
    const { manager, node, clock, leaseId, durationMs, onToken, onRenewed } = this.#options
    const askedMs = clock.nowMonotonicMs()
    try {
      const { lease, token, nowUnixMs } = await manager.rpc
        .renewLease({ leaseId, token: this.#token, durationMs }, { timeoutMs: this.#timeoutMs() })
        .catch((error: unknown) => {
          throw isRefusal(error) ? forgotten(leaseId, error) : error
        })
      if (this.#isOver) return
      this.#token = token
      onToken(token)
      // Publish, then check: a caller that stops us and then takes our last token has the newest that the node can have
      // seen.
      if (this.#isOver) return
      if (this.phase !== 'granted') await node.rpc.extend({ token }, { timeoutMs: this.#timeoutMs() })
      if (this.#isOver) return
      if (lease) {
        this.#expiresMs = expiryOf(lease, { askedMs, nowUnixMs })
        onRenewed(this.#expiresMs)
      }
      this.#renewIn(durationMs / 3)
    } catch (thrown) {
      if (!this.#isOver) this.#failed(toRfaasError(thrown), askedMs)
    }
  }

  #failed(error: RfaasError, askedMs: number): void {
    const { clock, leaseId, durationMs } = this.#options
    const retryMs = Math.min(LEASE_RENEW_RETRY_MS, durationMs / 3, this.#shareOfLeftMs())
    const hasTime = clock.nowMonotonicMs() < this.#expiresMs
    // While the lease is being opened, the opening itself fails, with a better reason than this one.
    if (this.phase !== 'active') this.#renewIn(retryMs)
    // The node is about to report the retrieval, too, with the time that is left.
    else if (error.code === 'lease_retrieved' && hasTime) this.#renewIn(retryMs)
    else if (FINAL.has(error.code)) this.#end(error)
    // A manager or node that cannot be reached may be back before the lease expires. When the lease expired during this
    // attempt, we may have stood still ourselves, and manager and node with us: they are asked once more.
    else if (hasTime || askedMs < this.#expiresMs) this.#renewIn(retryMs)
    else this.#end(new RfaasError('lease_expired', `Lease ${leaseId} expired: ${error.sentence}`, { cause: error }))
  }

  #end(error: RfaasError): void {
    this.stop()
    this.#options.onOver(error)
  }

  /**
   * A third of the time that the lease has left, so that there is time to wait as long again, and to ask again.
   * Infinity once the lease has expired, when there is no time left to divide.
   */
  #shareOfLeftMs(): number {
    const leftMs = this.#expiresMs - this.#options.clock.nowMonotonicMs()
    return leftMs > 0 ? Math.max(LEASE_RENEW_PATIENCE_MS_MIN, leftMs / 3) : Infinity
  }

  #timeoutMs(): number {
    const shareMs = this.#shareOfLeftMs()
    return shareMs === Infinity ? LEASE_RENEW_RETRY_MS : Math.min(CONTROL_CALL_TIMEOUT_MS, shareMs)
  }
}

function isRefusal(error: unknown): error is RfaasError {
  return error instanceof RfaasError && error.code === 'token_refused'
}

/**
 * The end of a lease whose manager refuses the token that it has signed itself: it has another key, and so none of its
 * former leases.
 */
function forgotten(leaseId: string, cause: RfaasError): RfaasError {
  const reason = 'the resource manager was restarted without its data, which --data keeps, and no longer knows it'
  return new RfaasError('lease_closed', `Lease ${leaseId} is over: ${reason}; lease again`, { cause })
}

/**
 * When a lease expires, by our monotonic clock. The manager answered after we had asked, so the lease has no less time.
 */
export function expiryOf(lease: LeaseInfo, answer: { readonly askedMs: number; readonly nowUnixMs: number }): number {
  return answer.askedMs + lease.expiresUnixMs - answer.nowUnixMs
}
