import { describeDenial } from './denial.ts'
import { canServe } from './fit.ts'
import type { PlacementPolicy } from '../lease/lease.ts'
import type { Capacity, Demand } from './fit.ts'

export type Placement = { readonly nodeId: string } | { readonly denied: string }

/**
 * Chooses the node for a lease among those on which it fits. `pack` takes the node with the fewest free cores, then the
 * least free memory, so that large leases find room later and idle nodes stay idle. `spread` takes the one with the
 * most free cores, then the most free memory, so that leases do not disturb each other. Among equals the first id wins.
 * Pure function; looks at every node: CapacityIndex gives the same answers faster.
 *
 * @param nodes the ready nodes, in any order
 * @returns the node, or why there is none, in numbers
 */
export function place(demand: Demand, nodes: readonly Capacity[]): Placement {
  const best = bestOf(demand, nodes)
  return best !== null ? { nodeId: best.nodeId } : { denied: denialOf(demand, nodes) }
}

/** Why the demand fits on none of the nodes, in numbers. */
export function denialOf(demand: Demand, nodes: readonly Capacity[]): string {
  const others = nodes.filter(({ nodeId }) => !demand.avoidNodeIds.includes(nodeId))
  return describeDenial(demand, others)
}

/** As {@link place}, but null when the demand fits on no node. */
export function bestOf(demand: Demand, nodes: Iterable<Capacity>): Capacity | null {
  let best: Capacity | null = null
  for (const node of nodes) {
    if (canServe(node, demand) && (best === null || isBetter(node, best, demand.policy))) best = node
  }
  return best
}

/** Whether a lease that fits on both nodes goes to `a` rather than to `b`. */
export function isBetter(a: Capacity, b: Capacity, policy: PlacementPolicy): boolean {
  const more = a.coresFree - b.coresFree || a.memoryMibFree - b.memoryMibFree
  if (more === 0) return a.nodeId < b.nodeId
  return policy === 'pack' ? more < 0 : more > 0
}
