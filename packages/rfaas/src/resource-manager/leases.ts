import { mergeReports, NO_USAGE } from '../accounting/usage.ts'
import { RfaasError } from '../errors.ts'
import { grantLease, renewLease, requestLease, terminateLease } from '../lease/lease.ts'
import { signToken, verifyToken } from '../lease/token.ts'
import { LEASE_TERMINATING_MS_MAX } from './limits.ts'
import { chooseNodes } from './choice.ts'
import { closeOpenLease } from './closing.ts'
import type { Context } from './context.ts'
import type { Share } from './division.ts'
import { publish } from './events.ts'
import {
  CLOSED_LEASES,
  LAST_FENCE,
  leaseOfKey,
  NODES,
  OPEN_LEASES,
  parseLease,
  parseNode,
  parseUsage,
  requestKey,
  USAGE,
  withTaken,
} from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'
import type { LeaseDemand } from './requests.ts'
import { readSlowly, transact } from './store.ts'
import type { Transaction } from './store.ts'

export interface Granted {
  readonly lease: LeaseRecord
  readonly node: NodeRecord
  readonly token: string
}

/**
 * Grants a lease on each chosen node, all in one commit.
 *
 * @throws {RfaasError} `lease_denied` when the nodes do not have what is asked for
 */
export async function grant(context: Context, demand: LeaseDemand): Promise<Granted[]> {
  const granted = await context.grants.add(demand)
  return Promise.all(
    granted.map(async ({ lease, node }) => {
      publish({ kind: 'lease-granted', lease })
      return { lease, node, token: await signToken(lease, context.keys.privateKey) }
    }),
  )
}

export type GrantedLease = Omit<Granted, 'token'>

/** Grants what it can of these demands in one commit: they contend for the same nodes and fences. */
export async function grantAll(
  context: Context,
  demands: readonly LeaseDemand[],
): Promise<PromiseSettledResult<GrantedLease[]>[]> {
  const { store } = context
  const foreseen = new Set<string>()
  try {
    return await transact(store, async (transaction) => {
      // Of an attempt before that failed.
      store.forgetForeseen(foreseen)
      const results: PromiseSettledResult<GrantedLease[]>[] = []
      for (const demand of demands) {
        try {
          const value = await grantOne(context, transaction, demand)
          for (const { node } of value) foreseen.add(node.nodeId)
          results.push({ status: 'fulfilled', value })
        } catch (reason) {
          // It has changed nothing: a demand is denied before anything is set.
          results.push({ status: 'rejected', reason })
        }
      }
      return results
    })
  } finally {
    // Committed nodes are known now.
    store.forgetForeseen(foreseen)
  }
}

async function grantOne(context: Context, transaction: Transaction, demand: LeaseDemand): Promise<GrantedLease[]> {
  const before = await grantedBefore(transaction, demand)
  if (before !== null) return before
  const chosen = await chooseNodes(context.store, transaction, demand)
  const granted: GrantedLease[] = []
  for (const { node, share } of chosen) {
    const one = await grantShare(context, transaction, demand, node, share)
    context.store.foresee(one.node)
    granted.push(one)
  }
  if (demand.requestId !== '') {
    transaction.set(requestKey(demand), JSON.stringify(granted.map(({ lease }) => lease.leaseId)))
  }
  return granted
}

/** Whether the same request was granted already, and its leases are open. */
export async function isGranted({ store }: Context, demand: LeaseDemand): Promise<boolean> {
  return demand.requestId !== '' && (await store.get(requestKey(demand))) !== null
}

/** What the same request was granted when it came before; null when it was not, or when one of the leases has closed. */
async function grantedBefore(transaction: Transaction, demand: LeaseDemand): Promise<GrantedLease[] | null> {
  if (demand.requestId === '') return null
  const value = await transaction.get(requestKey(demand))
  if (value === null) return null
  const granted: GrantedLease[] = []
  for (const leaseId of JSON.parse(value) as string[]) {
    const { lease } = await findLease(transaction, leaseId)
    const node = await transaction.get(NODES + lease.nodeId)
    if (node === null) return null
    granted.push({ lease, node: parseNode(node) })
  }
  return granted
}

async function grantShare(
  context: Context,
  transaction: Transaction,
  demand: LeaseDemand,
  chosen: NodeRecord,
  { nodeId, cores, memoryMib }: Share,
): Promise<GrantedLease> {
  const { tenant, resources, priority, durationMs } = demand
  const nowUnixMs = context.clock.nowUnixMs()
  const node = withTaken(chosen, { cores, memoryMib, resources })
  transaction.set(NODES + nodeId, JSON.stringify(node))
  const leaseId = `lease-${Buffer.from(context.randomness.bytes(6)).toString('hex')}`
  const requested = requestLease({ leaseId, tenant, cores, memoryMib, resources, priority }, nowUnixMs)
  const fence = await nextFence(transaction)
  const granted = grantLease(requested, { nodeId, fence, durationMs }, nowUnixMs)
  const lease: LeaseRecord = { ...granted, usage: NO_USAGE, requestId: demand.requestId }
  transaction.set(OPEN_LEASES + leaseId, JSON.stringify(lease))
  transaction.set(leaseOfKey(lease), '')
  return { lease, node }
}

/**
 * Renews a lease. Any token of the lease is accepted, also one whose expiry has been extended since.
 *
 * @throws {RfaasError} `token_refused`, `not_found`, and what {@link renewLease} throws
 */
export async function renew(
  context: Context,
  { leaseId, token, durationMs }: { leaseId: string; token: string; durationMs: number },
): Promise<{ lease: LeaseRecord; token: string }> {
  await checkToken(context, leaseId, token)
  const lease = await transact(context.store, async (transaction) => {
    const { lease } = await findLease(transaction, leaseId, context.closedLeaseKeptMs)
    // Tokens of one lease are compared with each other only, so renewals need not contend for the last fence.
    const renewal = { fence: lease.fence + 1, durationMs }
    const renewed: LeaseRecord = { ...lease, ...renewLease(lease, renewal, context.clock.nowUnixMs()) }
    transaction.set(OPEN_LEASES + leaseId, JSON.stringify(renewed))
    return renewed
  })
  return { lease, token: await signToken(lease, context.keys.privateKey) }
}

/**
 * Ends a lease. A lease that its node runs is closed when the node has reported its end. If the client has not told the
 * node, the answer to the node's next heartbeat does.
 *
 * @throws {RfaasError} `token_refused`, `not_found`
 */
export async function release(
  context: Context,
  { leaseId, token }: { leaseId: string; token: string },
): Promise<LeaseRecord> {
  await checkToken(context, leaseId, token)
  return giveBack(context, leaseId)
}

/** As {@link release}, for the manager itself: no token is checked. */
export async function giveBack(context: Context, leaseId: string): Promise<LeaseRecord> {
  const { lease, changed } = await transact(context.store, async (transaction) => {
    const { lease, isOpen } = await findLease(transaction, leaseId)
    if (!isOpen || lease.state === 'terminating') return { lease, changed: false }
    return { lease: await endOpenLease(context, transaction, lease, 'released'), changed: true }
  })
  if (changed) afterEnd(context, lease)
  return lease
}

/**
 * Gives back all parts of a grant that nobody got. A part that cannot be given back does not keep the others.
 *
 * @throws the first error, after all parts were tried
 */
export async function giveBackAll(context: Context, granted: readonly Granted[]): Promise<void> {
  const results = await Promise.allSettled(granted.map(({ lease }) => giveBack(context, lease.leaseId)))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** Closes a lease that never began to run; marks a running one as terminating, so that its node ends it. */
export async function endOpenLease(
  context: Context,
  transaction: Transaction,
  lease: LeaseRecord,
  end: 'released' | 'expired',
): Promise<LeaseRecord> {
  const nowUnixMs = context.clock.nowUnixMs()
  if (lease.state === 'granted') return closeOpenLease(context, transaction, lease, end, nowUnixMs)
  const terminating: LeaseRecord = { ...lease, ...terminateLease(lease, end, nowUnixMs) }
  transaction.set(OPEN_LEASES + lease.leaseId, JSON.stringify(terminating))
  return terminating
}

/** Call this after the end of a lease is committed: it reports a closed lease, or wakes the lease's node. */
export function afterEnd(context: Context, lease: LeaseRecord): void {
  if (lease.state === 'closed') context.leaseClosed(lease)
  else context.nudge(lease.nodeId)
}

/** When a terminating lease is closed even if its node, though alive, never reports that its executor has stopped. */
export function givenUpUnixMs({ end, terminatingUnixMs, expiresUnixMs }: LeaseRecord): number {
  const endsUnixMs = end === 'retrieved' ? Math.max(terminatingUnixMs, expiresUnixMs) : terminatingUnixMs
  return endsUnixMs + LEASE_TERMINATING_MS_MAX
}

/** Open leases first, then closed ones, each in the order in which they were granted. */
export async function listLeases({ store, usage }: Context, includeClosed: boolean): Promise<LeaseRecord[]> {
  const written = new Map<string, string>()
  for await (const { key, value } of readSlowly(store, USAGE)) written.set(key.slice(USAGE.length), value)
  const open: LeaseRecord[] = []
  for await (const { value } of readSlowly(store, OPEN_LEASES)) {
    const lease = parseLease(value)
    const known = mergeReports(lease.usage, usage.of(lease.leaseId))
    const stored = written.get(lease.leaseId)
    open.push({ ...lease, usage: stored === undefined ? known : mergeReports(known, parseUsage(stored)) })
  }
  const closed: LeaseRecord[] = []
  if (includeClosed) for await (const { value } of readSlowly(store, CLOSED_LEASES)) closed.push(parseLease(value))
  return [open, closed].flatMap((leases) =>
    leases.sort((a, b) => a.grantedUnixMs - b.grantedUnixMs || a.fence - b.fence),
  )
}

async function checkToken({ keys }: Context, leaseId: string, token: string): Promise<void> {
  // Expiry is not checked: the store knows whether the lease still runs; the token only identifies the caller.
  const claims = await verifyToken(token, keys.publicKey, { nowUnixMs: null })
  if (claims.leaseId === leaseId) return
  throw new RfaasError('token_refused', `Cannot accept the lease token: it is for ${claims.leaseId}, not ${leaseId}`)
}

/** @param closedLeaseKeptMs given when it is known, from the token, that the lease was granted here */
export async function findLease(
  transaction: Transaction,
  leaseId: string,
  closedLeaseKeptMs: number | null = null,
): Promise<{ lease: LeaseRecord; isOpen: boolean }> {
  const open = await transaction.get(OPEN_LEASES + leaseId)
  const value = open ?? (await transaction.get(CLOSED_LEASES + leaseId))
  if (value !== null) return { lease: parseLease(value), isOpen: open !== null }
  if (closedLeaseKeptMs !== null) {
    const kept = `how it ended is kept for ${closedLeaseKeptMs / 60_000} minutes only`
    throw new RfaasError('not_found', `Cannot find lease ${leaseId}: it was granted here and has ended; ${kept}`)
  }
  throw new RfaasError('not_found', `Cannot find lease ${leaseId}: it was never granted here, or closed long ago`)
}

async function nextFence(transaction: Transaction): Promise<number> {
  const fence = Number((await transaction.get(LAST_FENCE)) ?? 0) + 1
  transaction.set(LAST_FENCE, String(fence))
  return fence
}
