import { isExpired } from '../lease/lease.ts'
import { CLOSED_LEASE_KEPT_MS, CLOSED_LEASES_MAX, NODE_LOST_KEPT_MS } from './limits.ts'
import { closeOpenLease } from './closing.ts'
import type { Context } from './context.ts'
import { publish } from './events.ts'
import { afterEnd, endOpenLease, givenUpUnixMs } from './leases.ts'
import { CLOSED_LEASES, HEARTBEATS, isAlive, NODES, OPEN_LEASES, parseLease, parseNode } from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'
import { forgetNode } from './nodes.ts'
import { transact } from './store.ts'

/**
 * Does everything that is due: declares silent nodes lost, closes leases that have expired or whose node is gone, and
 * forgets records that were kept long enough. Each step is its own transaction that checks again what the listing
 * showed, so the sweep can stop anywhere and several managers can sweep at once.
 *
 * @returns the time when something is due next, Infinity when nothing is
 */
export async function sweep(context: Context): Promise<number> {
  const dueUnixMs: number[] = []
  for (const { value } of await context.store.list(NODES)) {
    dueUnixMs.push(await sweepNode(context, parseNode(value)))
  }
  for (const { value } of await context.store.list(OPEN_LEASES)) {
    dueUnixMs.push(await sweepLease(context, parseLease(value)))
  }
  dueUnixMs.push(await forgetClosedLeases(context))
  return dueUnixMs.reduce((a, b) => Math.min(a, b), Infinity)
}

async function sweepNode(context: Context, { nodeId }: NodeRecord): Promise<number> {
  const { lost, due } = await transact(context.store, async (transaction) => {
    const nowUnixMs = context.clock.nowUnixMs()
    const value = await transaction.get(NODES + nodeId)
    if (value === null) return { lost: false, due: Infinity }
    const node = parseNode(value)
    if (node.lostUnixMs !== null) {
      const due = node.lostUnixMs + NODE_LOST_KEPT_MS
      if (nowUnixMs < due) return { lost: false, due }
      forgetNode(transaction, nodeId)
      return { lost: false, due: Infinity }
    }
    const heartbeatUnixMs = Number((await transaction.get(HEARTBEATS + nodeId)) ?? 0)
    const due = Math.max(heartbeatUnixMs, context.awakeUnixMs) + context.nodeLostAfterMs
    if (nowUnixMs < due) return { lost: false, due }
    transaction.set(NODES + nodeId, JSON.stringify({ ...node, lostUnixMs: nowUnixMs }))
    return { lost: true, due: nowUnixMs + NODE_LOST_KEPT_MS }
  })
  if (lost) publish({ kind: 'node-lost', nodeId })
  return due
}

async function sweepLease(context: Context, { leaseId }: LeaseRecord): Promise<number> {
  const { lease, changed } = await transact(context.store, async (transaction) => {
    const nowUnixMs = context.clock.nowUnixMs()
    const value = await transaction.get(OPEN_LEASES + leaseId)
    if (value === null) return { lease: null, changed: false }
    const lease = parseLease(value)
    const node = await transaction.get(NODES + lease.nodeId)
    if (node === null || !isAlive(parseNode(node))) {
      return { lease: await closeOpenLease(transaction, lease, 'node_lost', nowUnixMs), changed: true }
    }
    if (lease.state === 'terminating') {
      if (nowUnixMs < givenUpUnixMs(lease)) return { lease, changed: false }
      return { lease: await closeOpenLease(transaction, lease, 'released', nowUnixMs), changed: true }
    }
    if (!isExpired(lease, nowUnixMs)) return { lease, changed: false }
    return { lease: await endOpenLease(context, transaction, lease, 'expired'), changed: true }
  })
  if (lease === null) return Infinity
  if (changed) afterEnd(context, lease)
  if (lease.state === 'closed') return Infinity
  return lease.state === 'terminating' ? givenUpUnixMs(lease) : lease.expiresUnixMs
}

async function forgetClosedLeases(context: Context): Promise<number> {
  return transact(context.store, async (transaction) => {
    const entries = await transaction.list(CLOSED_LEASES)
    const newestFirst = entries
      .map(({ key, value }) => ({ key, closedUnixMs: parseLease(value).closedUnixMs }))
      .sort((a, b) => b.closedUnixMs - a.closedUnixMs)
    const nowUnixMs = context.clock.nowUnixMs()
    let due = Infinity
    for (const [i, { key, closedUnixMs }] of newestFirst.entries()) {
      const keptUntilUnixMs = closedUnixMs + CLOSED_LEASE_KEPT_MS
      if (i >= CLOSED_LEASES_MAX || nowUnixMs >= keptUntilUnixMs) transaction.set(key, null)
      else due = Math.min(due, keptUntilUnixMs)
    }
    return due
  })
}
