import { RfaasError } from '../errors.ts'
import { PLACEMENT_MISSES_MAX } from './limits.ts'
import type { CapacityIndex } from './capacity-index.ts'
import { describeShares } from './denial.ts'
import { coresOf, divide, partOf } from './division.ts'
import type { Share } from './division.ts'
import { canServe } from './fit.ts'
import type { Demand } from './fit.ts'
import type { IndexedStore } from './indexed-store.ts'
import { bestOf, denialOf } from './placement.ts'
import { capacityOf, isReady, NODES, parseNode } from './records.ts'
import type { NodeRecord } from './records.ts'
import type { Transaction } from './store.ts'

/** A node, and what of a lease it is chosen for. */
export interface ChosenNode {
  readonly node: NodeRecord
  readonly share: Share
}

/** Whether the nodes could serve it, were they empty; as far as the index knows, which has just been read when it denied. */
export function isPossible({ capacity }: IndexedStore, demand: Demand): boolean {
  const empty = Array.from(capacity.nodes(), (node) => {
    const { cores, memoryMib, resources } = node
    return { ...node, coresFree: cores, memoryMibFree: memoryMib, resourcesFree: resources }
  })
  return coresOf(divide(demand, (part) => bestOf(part, empty))) >= demand.coresMin
}

/**
 * Chooses the nodes for a lease by the index, and reads them: what is in the store counts, and the transaction fails
 * should it change before the commit. All nodes are read only where the index may be out of date, for other managers
 * use the same store: before a lease is denied or gets less than it asks for, and when what the index proposed has been
 * taken too often.
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
      const chosen = await readNodes(transaction, demand, shares)
      if (chosen !== null) return chosen
      // By reading them the index has learned what they are like.
      if (++misses % PLACEMENT_MISSES_MAX !== 0) continue
    } else if (isCurrent) {
      throw new RfaasError('lease_denied', `Cannot grant lease: ${whyNot(store.capacity, demand, shares)}`)
    } else {
      isCurrent = true
    }
    await store.list(NODES)
  }
}

/** null when one of them does not have its share. */
async function readNodes(
  transaction: Transaction,
  demand: Demand,
  shares: readonly Share[],
): Promise<ChosenNode[] | null> {
  const chosen: ChosenNode[] = []
  for (const share of shares) {
    const value = await transaction.get(NODES + share.nodeId)
    const node = value === null ? null : parseNode(value)
    if (node === null || !isReady(node) || !canServe(capacityOf(node), partOf(demand, share.cores))) return null
    chosen.push({ node, share })
  }
  return chosen
}

function whyNot(capacity: CapacityIndex, demand: Demand, shares: readonly Share[]): string {
  const nodes = [...capacity.nodes()]
  if (shares.length > 0) return describeShares(demand, shares, nodes)
  // Where not even one core is to be had the reason may be another one.
  return denialOf(partOf(demand, demand.nodesMax > 1 ? 1 : demand.coresMin), nodes)
}
