import { RfaasError } from '../errors.ts'
import { PLACEMENT_MISSES_MAX } from '../limits.ts'
import { canServe } from './fit.ts'
import type { Demand } from './fit.ts'
import type { IndexedStore } from './indexed-store.ts'
import { capacityOf, isReady, NODES, parseNode } from './records.ts'
import type { NodeRecord } from './records.ts'
import type { Transaction } from './store.ts'

/** Whether some node could serve it, were it empty; as far as the index knows, which has just been read when it denied. */
export function isPossible({ capacity }: IndexedStore, demand: Demand): boolean {
  for (const node of capacity.nodes()) {
    const { cores, memoryMib, resources } = node
    const empty = { ...node, coresFree: cores, memoryMibFree: memoryMib, resourcesFree: resources }
    if (canServe(empty, demand)) return true
  }
  return false
}

/**
 * Chooses the node for a lease by the index, and reads it: what is in the store counts, and the transaction fails
 * should it change before the commit. All nodes are read only where the index may be out of date, for other managers
 * use the same store: before a lease is denied, and when what the index proposed has been taken too often.
 *
 * @throws {RfaasError} `lease_denied`
 */
export async function chooseNode(store: IndexedStore, transaction: Transaction, demand: Demand): Promise<NodeRecord> {
  let misses = 0
  let isCurrent = false
  for (;;) {
    const placement = store.capacity.place(demand)
    if ('nodeId' in placement) {
      const value = await transaction.get(NODES + placement.nodeId)
      const node = value === null ? null : parseNode(value)
      if (node !== null && isReady(node) && canServe(capacityOf(node), demand)) return node
      // By reading it the index has learned what it is like.
      if (++misses % PLACEMENT_MISSES_MAX !== 0) continue
    } else if (isCurrent) {
      throw new RfaasError('lease_denied', `Cannot grant lease: ${placement.denied}`)
    } else {
      isCurrent = true
    }
    await store.list(NODES)
  }
}
