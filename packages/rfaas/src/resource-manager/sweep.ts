import { isExpired } from '../lease/lease.ts'
import { ALARM_RETRY_MS, CLOSED_LEASES_FORGOTTEN_AT_ONCE, NODE_LOST_KEPT_MS, SWEPT_IN_ONE_TURN } from './limits.ts'
import { closeOpenLease } from './closing.ts'
import type { Context } from './context.ts'
import type { StoreListener } from './indexed-store.ts'
import { publish } from './events.ts'
import { afterEnd, endOpenLease, givenUpUnixMs } from './leases.ts'
import {
  CLOSED_AT,
  CLOSED_LEASES,
  HEARTBEATS,
  isAlive,
  LEASES_OF,
  NODES,
  OPEN_LEASES,
  parseClosedAt,
  parseLease,
  parseNode,
} from './records.ts'
import type { LeaseRecord } from './records.ts'
import { forgetNode } from './nodes.ts'
import { transact } from './store.ts'
import { nextTurn } from './turns.ts'
import type { Walk } from './walk.ts'

/*
 * What is due is found in `context.dues`, an index by time of everything that will have to be looked at: nodes, open
 * leases, the closed lease that closed first, and the next page of the store to read.
 */

const NODE = 'node:'
const LEASE = 'lease:'
const CLOSED = 'closed'
const WALK = 'walk'

/** Everything that is due at the start of a manager. */
export function beginSweeping({ dues, clock }: Context): void {
  dues.set(WALK, clock.nowUnixMs())
  dues.set(CLOSED, clock.nowUnixMs())
}

/** A lease has closed, and its record must be forgotten some time. */
export function afterClosing({ dues, closedLeaseKeptMs }: Context, { closedUnixMs }: LeaseRecord): void {
  dues.setSooner(CLOSED, closedUnixMs + closedLeaseKeptMs)
}

/** Keeps the index of what is due up to date with the records. */
export function dueListener(context: Context): Required<Pick<StoreListener, 'nodeChanged' | 'leaseChanged'>> {
  const { dues, clock, nodeLostAfterMs } = context
  const leasesOfAreDue = (nodeId: string): void => {
    for (const { leaseId } of context.store.leases.of(nodeId)) dues.setSooner(LEASE + leaseId, clock.nowUnixMs())
  }
  return {
    nodeChanged: (nodeId, node, before) => {
      if (node === null) dues.delete(NODE + nodeId)
      else if (isAlive(node)) return dues.setSooner(NODE + nodeId, clock.nowUnixMs() + nodeLostAfterMs)
      else dues.set(NODE + nodeId, node.lostUnixMs! + NODE_LOST_KEPT_MS)
      // Once: each lease that closes changes the record of its node, too.
      if (node === null || before === null || isAlive(before)) leasesOfAreDue(nodeId)
    },
    leaseChanged: (leaseId, lease) => {
      if (lease === null) return dues.delete(LEASE + leaseId)
      const node = context.store.knownNode(lease.nodeId)
      dues.set(LEASE + leaseId, node === null || !isAlive(node) ? clock.nowUnixMs() : dueOf(lease))
    },
  }
}

/**
 * Does everything that is due: declares silent nodes lost, closes leases that have expired or whose node is gone, and
 * forgets records that were kept long enough. Looks at nothing else. Each step is its own transaction that checks again
 * what the index showed, so the sweep can stop anywhere and several managers can sweep at once.
 *
 * @returns the time when something is due next
 */
export async function sweep(context: Context, walk: Walk): Promise<number> {
  const { dues, clock, store } = context
  await store.foreignCommits()
  for (let count = 1; ; count++) {
    const key = dues.take(clock.nowUnixMs())
    if (key === null) return dues.nextUnixMs()
    if (count % SWEPT_IN_ONE_TURN === 0) await nextTurn()
    try {
      const dueUnixMs = await sweepOne(context, walk, key)
      if (dueUnixMs < Infinity) dues.setSooner(key, dueUnixMs)
    } catch (error) {
      dues.setSooner(key, clock.nowUnixMs() + ALARM_RETRY_MS)
      throw error
    }
  }
}

function sweepOne(context: Context, walk: Walk, key: string): Promise<number> {
  if (key === WALK) return walk.step()
  if (key === CLOSED) return forgetClosedLeases(context)
  if (key.startsWith(NODE)) return sweepNode(context, key.slice(NODE.length))
  return sweepLease(context, key.slice(LEASE.length))
}

async function sweepNode(context: Context, nodeId: string): Promise<number> {
  const { store, clock, liveness, awakeUnixMs, nodeLostAfterMs } = context
  const heardUnixMs = liveness.heardUnixMs(nodeId)
  // The usual case, without reading anything.
  const alive = store.knownNode(nodeId)
  const soonUnixMs = Math.max(heardUnixMs, awakeUnixMs) + nodeLostAfterMs
  if (alive !== null && isAlive(alive) && clock.nowUnixMs() < soonUnixMs) return soonUnixMs
  const unsuspect = liveness.suspect(nodeId)
  try {
    const { lost, due } = await transact(store, async (transaction) => {
      const value = await transaction.get(NODES + nodeId)
      if (value === null) {
        liveness.forget(nodeId)
        return { lost: false, due: Infinity }
      }
      const node = parseNode(value)
      const writtenUnixMs = Number((await transaction.get(HEARTBEATS + nodeId)) ?? 0)
      const nowUnixMs = clock.nowUnixMs()
      if (node.lostUnixMs !== null) {
        const due = node.lostUnixMs + NODE_LOST_KEPT_MS
        if (nowUnixMs < due) return { lost: false, due }
        forgetNode(transaction, nodeId)
        return { lost: false, due: Infinity }
      }
      // Others may have heard of the node after they wrote.
      const heardByOthersMs = liveness.isOwn(nodeId, writtenUnixMs) ? 0 : liveness.othersDelayMs
      const lastUnixMs = Math.max(liveness.heardUnixMs(nodeId), writtenUnixMs + heardByOthersMs, context.awakeUnixMs)
      const due = lastUnixMs + nodeLostAfterMs
      if (nowUnixMs < due) return { lost: false, due }
      transaction.set(NODES + nodeId, JSON.stringify({ ...node, lostUnixMs: nowUnixMs }))
      return { lost: true, due: nowUnixMs + NODE_LOST_KEPT_MS }
    })
    if (lost) {
      publish({ kind: 'node-lost', nodeId })
      // The index may lack leases that other managers have granted.
      const prefix = `${LEASES_OF}${nodeId}/`
      for (const { key } of await store.list(prefix)) {
        context.dues.setSooner(LEASE + key.slice(prefix.length), clock.nowUnixMs())
      }
    }
    if (due === Infinity) liveness.forget(nodeId)
    return due
  } finally {
    unsuspect()
  }
}

async function sweepLease(context: Context, leaseId: string): Promise<number> {
  const { lease, changed } = await transact(context.store, async (transaction) => {
    const nowUnixMs = context.clock.nowUnixMs()
    const value = await transaction.get(OPEN_LEASES + leaseId)
    if (value === null) return { lease: null, changed: false }
    const lease = parseLease(value)
    const node = await transaction.get(NODES + lease.nodeId)
    if (node === null || !isAlive(parseNode(node))) {
      return { lease: await closeOpenLease(context, transaction, lease, 'node_lost', nowUnixMs), changed: true }
    }
    if (lease.state === 'terminating') {
      if (nowUnixMs < givenUpUnixMs(lease)) return { lease, changed: false }
      return { lease: await closeOpenLease(context, transaction, lease, 'released', nowUnixMs), changed: true }
    }
    if (!isExpired(lease, nowUnixMs)) return { lease, changed: false }
    return { lease: await endOpenLease(context, transaction, lease, 'expired'), changed: true }
  })
  if (lease === null) return Infinity
  if (changed) afterEnd(context, lease)
  return lease.state === 'closed' ? Infinity : dueOf(lease)
}

/** When an open lease on a node that lives must be looked at. */
function dueOf(lease: LeaseRecord): number {
  return lease.state === 'terminating' ? givenUpUnixMs(lease) : lease.expiresUnixMs
}

async function forgetClosedLeases({ store, clock, closedLeaseKeptMs }: Context): Promise<number> {
  const nowUnixMs = clock.nowUnixMs()
  const changes = new Map<string, null>()
  const first = await store.page(CLOSED_AT, '', CLOSED_LEASES_FORGOTTEN_AT_ONCE)
  let due = Infinity
  for (const { key } of first) {
    const { closedUnixMs, leaseId } = parseClosedAt(key)
    if (nowUnixMs < closedUnixMs + closedLeaseKeptMs) {
      due = closedUnixMs + closedLeaseKeptMs
      break
    }
    changes.set(key, null)
    changes.set(CLOSED_LEASES + leaseId, null)
  }
  if (changes.size > 0) await store.commit({ conditions: new Map(), changes })
  return changes.size === 2 * CLOSED_LEASES_FORGOTTEN_AT_ONCE ? nowUnixMs : due
}
