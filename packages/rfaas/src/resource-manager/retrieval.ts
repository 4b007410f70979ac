import { RfaasError } from '../errors.ts'
import { retrieveLease } from '../lease/lease.ts'
import { closeOpenLease } from './closing.ts'
import type { Context } from './context.ts'
import { publish } from './events.ts'
import { afterEnd, findLease } from './leases.ts'
import { openLeasesOf } from './nodes.ts'
import { NODES, OPEN_LEASES, parseNode } from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'
import { transact } from './store.ts'
import type { Transaction } from './store.ts'

/** How a lease is taken back. */
export interface Notice {
  /** How long the lease may still run. */
  readonly graceMs: number
  /** The reason, for a person. */
  readonly message: string
}

/**
 * Takes a lease back: its node learns of it, tells the client, and stops the executor after the grace. A lease that has
 * not begun to run is closed at once.
 *
 * @throws {RfaasError} `not_found`; the code of its end when the lease is ending already
 */
export async function retrieve(context: Context, leaseId: string, notice: Notice): Promise<LeaseRecord> {
  const lease = await transact(context.store, async (transaction) => {
    const { lease } = await findLease(transaction, leaseId)
    return retrieveOpenLease(context, transaction, lease, notice)
  })
  afterRetrieval(context, lease)
  return lease
}

/**
 * Stops placing leases on the node, and retrieves the leases that it has.
 *
 * @returns the leases that are being retrieved
 * @throws {RfaasError} `not_found` when there is no such node
 */
export async function drain(context: Context, nodeId: string, notice: Notice): Promise<LeaseRecord[]> {
  const { node, leases } = await transact(context.store, async (transaction) => {
    const node = await markNode(transaction, nodeId, notice.message)
    const leases: LeaseRecord[] = []
    for (const lease of await openLeasesOf(transaction, nodeId)) {
      const endsAnyway = lease.state === 'terminating' && lease.end !== 'retrieved'
      if (!endsAnyway) leases.push(await retrieveOpenLease(context, transaction, lease, notice))
    }
    return { node, leases }
  })
  publish({ kind: 'node-draining', node })
  for (const lease of leases) afterRetrieval(context, lease)
  return leases
}

/**
 * Allows new leases on the node again. Idempotent. Has no effect on a node that is not drained.
 *
 * @throws {RfaasError} `not_found`
 */
export async function undrain(context: Context, nodeId: string): Promise<void> {
  const node = await transact(context.store, (transaction) => markNode(transaction, nodeId, null))
  publish({ kind: 'node-draining', node })
}

async function markNode(transaction: Transaction, nodeId: string, drainReason: string | null): Promise<NodeRecord> {
  const value = await transaction.get(NODES + nodeId)
  if (value === null) throw new RfaasError('not_found', `Cannot find node ${nodeId}: it has not registered here`)
  const node: NodeRecord = { ...parseNode(value), drainReason }
  transaction.set(NODES + nodeId, JSON.stringify(node))
  return node
}

async function retrieveOpenLease(
  context: Context,
  transaction: Transaction,
  lease: LeaseRecord,
  notice: Notice,
): Promise<LeaseRecord> {
  const nowUnixMs = context.clock.nowUnixMs()
  const retrieved: LeaseRecord = { ...lease, ...retrieveLease(lease, notice, nowUnixMs) }
  if (lease.state === 'granted') return closeOpenLease(context, transaction, retrieved, 'retrieved', nowUnixMs)
  transaction.set(OPEN_LEASES + lease.leaseId, JSON.stringify(retrieved))
  return retrieved
}

function afterRetrieval(context: Context, lease: LeaseRecord): void {
  publish({ kind: 'lease-retrieved', lease })
  afterEnd(context, lease)
}
