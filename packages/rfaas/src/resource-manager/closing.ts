import type { LeaseEnd } from '../lease/lease.ts'
import { closeLease } from '../lease/lease.ts'
import { mergeReports } from '../accounting/usage.ts'
import type { Context } from './context.ts'
import {
  CLOSED_LEASES,
  closedAtKey,
  leaseOfKey,
  NODES,
  OPEN_LEASES,
  parseNode,
  parseUsage,
  requestKey,
  USAGE,
  withGivenBack,
} from './records.ts'
import type { LeaseRecord } from './records.ts'
import type { Transaction } from './store.ts'

/**
 * Closes a lease that the transaction has read as open, and returns its capacity to its node. This is the only place
 * where capacity is returned. The record of the closed lease gets all usage that is known.
 */
export async function closeOpenLease(
  { usage }: Context,
  transaction: Transaction,
  lease: LeaseRecord,
  end: LeaseEnd,
  nowUnixMs: number,
): Promise<LeaseRecord> {
  const { leaseId } = lease
  const written = await transaction.get(USAGE + leaseId)
  const known = mergeReports(lease.usage, usage.of(leaseId))
  const closed: LeaseRecord = {
    ...lease,
    ...closeLease(lease, end, nowUnixMs),
    usage: written === null ? known : mergeReports(known, parseUsage(written)),
  }
  transaction.set(OPEN_LEASES + leaseId, null)
  transaction.set(leaseOfKey(lease), null)
  if (lease.requestId !== '') transaction.set(requestKey(lease), null)
  if (written !== null) transaction.set(USAGE + leaseId, null)
  transaction.set(CLOSED_LEASES + leaseId, JSON.stringify(closed))
  transaction.set(closedAtKey(closed), '')

  const value = await transaction.get(NODES + lease.nodeId)
  if (value !== null) {
    transaction.set(NODES + lease.nodeId, JSON.stringify(withGivenBack(parseNode(value), lease)))
  }
  return closed
}
