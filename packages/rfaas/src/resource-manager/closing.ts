import type { LeaseEnd } from '../lease/lease.ts'
import { closeLease } from '../lease/lease.ts'
import { CLOSED_LEASES, NODES, OPEN_LEASES, parseNode } from './records.ts'
import type { LeaseRecord } from './records.ts'
import type { Transaction } from './store.ts'

/**
 * Closes a lease that the transaction has read as open, and gives its cores and memory back to the node that has
 * them: the one place where capacity comes back.
 */
export async function closeOpenLease(
  transaction: Transaction,
  lease: LeaseRecord,
  end: LeaseEnd,
  nowUnixMs: number,
): Promise<LeaseRecord> {
  const closed: LeaseRecord = { ...lease, ...closeLease(lease, end, nowUnixMs) }
  transaction.set(OPEN_LEASES + lease.leaseId, null)
  transaction.set(CLOSED_LEASES + lease.leaseId, JSON.stringify(closed))

  const value = await transaction.get(NODES + lease.nodeId)
  if (value !== null) {
    const node = parseNode(value)
    const coresLeased = node.coresLeased - lease.cores
    const memoryMibLeased = node.memoryMibLeased - lease.memoryMib
    transaction.set(NODES + lease.nodeId, JSON.stringify({ ...node, coresLeased, memoryMibLeased }))
  }
  return closed
}
