import type { LeaseEnd } from '../lease/lease.ts'
import { closeLease } from '../lease/lease.ts'
import { CLOSED_LEASES, NODES, OPEN_LEASES, parseNode, withGivenBack } from './records.ts'
import type { LeaseRecord } from './records.ts'
import type { Transaction } from './store.ts'

/**
 * Closes a lease that the transaction has read as open, and returns its capacity to its node. This is the only place
 * where capacity is returned.
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
    transaction.set(NODES + lease.nodeId, JSON.stringify(withGivenBack(parseNode(value), lease)))
  }
  return closed
}
