import { RfaasError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Resources } from './resources.ts'

/** `requested` → `granted` → `active` → `terminating` → `closed`; every state but `closed` may be skipped. */
export type LeaseState = 'requested' | 'granted' | 'active' | 'terminating' | 'closed'

/** Why a lease ended. */
export type LeaseEnd = 'released' | 'expired' | 'retrieved' | 'node_lost' | 'executor_crashed' | 'denied'

/** A lease, as plain data. Every function below returns a new lease and does not change its argument. */
export interface Lease {
  readonly leaseId: string
  readonly tenant: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Resources
  /** A request of higher priority may have this lease taken back. */
  readonly priority: number
  readonly state: LeaseState
  /** Empty until granted. */
  readonly nodeId: string
  /** 0 until granted; then it only grows: a token with a lower fence is out of date. */
  readonly fence: number
  /**
   * 0 until granted. From this millisecond on the lease has expired or, while it is being retrieved, its grace is over.
   */
  readonly expiresUnixMs: number
  /** Why the lease ends; null until it is terminating or closed, and never changed after. */
  readonly end: LeaseEnd | null
  /** Why the lease was retrieved, for a person; empty for a lease that was not. */
  readonly endMessage: string
  readonly requestedUnixMs: number
  /**
   * When the lease entered each further state; 0 for a state that it has not entered. Never earlier than the state
   * before.
   */
  readonly grantedUnixMs: number
  readonly activeUnixMs: number
  readonly terminatingUnixMs: number
  readonly closedUnixMs: number
}

/** How a node is chosen among those on which a lease fits. */
export type PlacementPolicy = 'pack' | 'spread'

export interface LeaseRequest {
  leaseId: string
  tenant: string
  cores: number
  memoryMib: number
  resources: Resources
  priority: number
}

export interface Grant {
  nodeId: string
  /** Higher than any fence before. */
  fence: number
  durationMs: number
}

export function requestLease(request: LeaseRequest, nowUnixMs: number): Lease {
  const { leaseId, tenant, cores, memoryMib, resources, priority } = request
  return {
    leaseId,
    tenant,
    cores,
    memoryMib,
    resources,
    priority,
    state: 'requested',
    nodeId: '',
    fence: 0,
    expiresUnixMs: 0,
    end: null,
    endMessage: '',
    requestedUnixMs: nowUnixMs,
    grantedUnixMs: 0,
    activeUnixMs: 0,
    terminatingUnixMs: 0,
    closedUnixMs: 0,
  }
}

/** Grants the lease: a node has set cores, memory and resources aside for it. */
export function grantLease(lease: Lease, grant: Grant, nowUnixMs: number): Lease {
  checkState(lease, 'grant', 'requested')
  const { nodeId, fence, durationMs } = grant
  const grantedUnixMs = notBefore(lease, nowUnixMs)
  return { ...lease, state: 'granted', nodeId, fence, grantedUnixMs, expiresUnixMs: grantedUnixMs + durationMs }
}

/** Marks the lease active: its executor runs. Idempotent. */
export function activateLease(lease: Lease, nowUnixMs: number): Lease {
  if (lease.state === 'active') return lease
  checkState(lease, 'activate', 'granted')
  return { ...lease, state: 'active', activeUnixMs: notBefore(lease, nowUnixMs) }
}

/**
 * Moves the expiry to `durationMs` from now; never back, because the holder counts on what was promised.
 *
 * @throws {RfaasError} `lease_expired` when it has expired but was not ended yet; the code of its end when it ends
 * already
 */
export function renewLease(lease: Lease, renewal: { fence: number; durationMs: number }, nowUnixMs: number): Lease {
  checkState(lease, 'renew', 'granted', 'active')
  if (isExpired(lease, nowUnixMs)) {
    const agoMs = nowUnixMs - lease.expiresUnixMs
    throw new RfaasError('lease_expired', `Cannot renew lease ${lease.leaseId}: it expired ${agoMs} ms ago`)
  }
  const expiresUnixMs = Math.max(lease.expiresUnixMs, nowUnixMs + renewal.durationMs)
  return { ...lease, fence: renewal.fence, expiresUnixMs }
}

/** The code of the error for using a lease that has ended this way. */
export function codeOfEnd(end: LeaseEnd): ErrorCode {
  return CODES[end]
}

const CODES: Record<LeaseEnd, ErrorCode> = {
  released: 'lease_closed',
  expired: 'lease_expired',
  retrieved: 'lease_retrieved',
  node_lost: 'node_lost',
  executor_crashed: 'executor_lost',
  denied: 'lease_denied',
}

/**
 * Takes the lease back: running invocations may still finish within the grace. Another call with a shorter grace
 * hastens the end.
 */
export function retrieveLease(lease: Lease, notice: { message: string; graceMs: number }, nowUnixMs: number): Lease {
  const stopUnixMs = nowUnixMs + notice.graceMs
  if (lease.state === 'terminating' && lease.end === 'retrieved') {
    return { ...lease, expiresUnixMs: Math.min(lease.expiresUnixMs, stopUnixMs) }
  }
  checkState(lease, 'retrieve', 'granted', 'active')
  const terminating = terminateLease(lease, 'retrieved', nowUnixMs)
  return { ...terminating, endMessage: notice.message, expiresUnixMs: stopUnixMs }
}

/** Begins to end the lease; its executor may still run. Idempotent: the first reason is kept. */
export function terminateLease(lease: Lease, end: LeaseEnd, nowUnixMs: number): Lease {
  if (lease.state === 'terminating' || lease.state === 'closed') return lease
  return { ...lease, state: 'terminating', end, terminatingUnixMs: notBefore(lease, nowUnixMs) }
}

/** Closes the lease and frees its cores, memory and resources. Idempotent: the first reason is kept. */
export function closeLease(lease: Lease, end: LeaseEnd, nowUnixMs: number): Lease {
  if (lease.state === 'closed') return lease
  return { ...lease, state: 'closed', end: lease.end ?? end, closedUnixMs: notBefore(lease, nowUnixMs) }
}

/** Whether its time is over, whatever its state. */
export function isExpired(lease: Lease, nowUnixMs: number): boolean {
  return lease.expiresUnixMs > 0 && nowUnixMs >= lease.expiresUnixMs
}

function checkState(lease: Lease, verb: string, ...states: LeaseState[]): void {
  if (states.includes(lease.state)) return
  const { leaseId, state, end, endMessage } = lease
  const detail = endMessage === '' ? '' : `: ${endMessage}`
  const reason = end === null ? `it is ${state}` : `it is ${state} (${end.replaceAll('_', ' ')}${detail})`
  throw new RfaasError(end === null ? 'internal' : codeOfEnd(end), `Cannot ${verb} lease ${leaseId}: ${reason}`)
}

/** Wall clocks may step back; the timestamps of a lease must not. */
function notBefore(lease: Lease, nowUnixMs: number): number {
  const { requestedUnixMs, grantedUnixMs, activeUnixMs, terminatingUnixMs } = lease
  return Math.max(nowUnixMs, requestedUnixMs, grantedUnixMs, activeUnixMs, terminatingUnixMs)
}
