import { RfaasError } from '../errors.ts'
import { PLACEMENT_MISSES_MAX } from './limits.ts'
import type { CapacityIndex } from './capacity-index.ts'
import { describeShares } from './denial.ts'
import { coresOf, divide, partOf } from './division.ts'
import type { Share } from './division.ts'
import { canServe } from './fit.ts'
import type { Demand } from './fit.ts'
import type { IndexedStore } from './indexed-store.ts'
import { denialOf } from './placement.ts'
import { capacityOf, isReady, NODES, parseNode } from './records.ts'
import type { NodeRecord } from './records.ts'
import type { Transaction } from './store.ts'

/** A node, and the share of a lease that it is chosen for. */
export interface ChosenNode {
  readonly node: NodeRecord
  readonly share: Share
}

/** Whether empty nodes could serve the demand, according to the index, which the preceding denial has refreshed. */
export function isPossible({ emptyCapacity }: IndexedStore, demand: Demand): boolean {
  return coresOf(divide(demand, (part) => emptyCapacity.find(part))) >= demand.coresMin
}

/**
 * Chooses the nodes for a lease by the index, then reads their records: the store decides, and the transaction fails if
 * one of them changes before the commit. The index may be out of date, because other managers use the same store.
 * Therefore all nodes that others may have changed are read before a lease is denied or gets less than it asks for, and after too many proposals of
 * the index turned out to be taken.
 *
 * @throws {RfaasError} `lease_denied`
 */
export async function chooseNodes(
  store: IndexedStore,
  transaction: Transaction,
  demand: Demand,
): Promise<ChosenNode[]> {
  let misses = 0
  let isCurrent = false
  for (;;) {
    const shares = divide(demand, (part) => store.capacity.find(part))
    const cores = coresOf(shares)
    if (cores === demand.cores || (isCurrent && cores >= demand.coresMin)) {
      const chosen = await readNodes(store, transaction, demand, shares)
      if (chosen !== null) return chosen
      // Reading the records has updated the index.
      if (++misses % PLACEMENT_MISSES_MAX !== 0) continue
    } else if (isCurrent) {
      throw new RfaasError('lease_denied', `Cannot grant lease: ${whyNot(store.capacity, demand, shares)}`)
    } else {
      isCurrent = true
      await store.refreshNodes()
      continue
    }
    await store.list(NODES)
  }
}

/** Reads the chosen nodes; null when one of them no longer has room for its share. */
async function readNodes(
  store: IndexedStore,
  transaction: Transaction,
  demand: Demand,
  shares: readonly Share[],
): Promise<ChosenNode[] | null> {
  const chosen: ChosenNode[] = []
  for (const share of shares) {
    const value = await transaction.get(NODES + share.nodeId)
    const node = value === null ? null : parseNode(value)
    if (node === null) return null
    if (!isReady(node) || !canServe(capacityOf(node), partOf(demand, share.cores))) {
      // Others in the same transaction may have taken the room; the index must not propose it again.
      store.foresee(node)
      return null
    }
    chosen.push({ node, share })
  }
  return chosen
}

function whyNot(capacity: CapacityIndex, demand: Demand, shares: readonly Share[]): string {
  const nodes = [...capacity.nodes()]
  if (shares.length > 0) return describeShares(demand, shares, nodes)
  // When not even one core is available, the reason may be something other than cores.
  return denialOf(partOf(demand, demand.nodesMax > 1 ? 1 : demand.coresMin), nodes)
}
