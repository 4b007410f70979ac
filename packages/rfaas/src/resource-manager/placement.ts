import { describeDenial } from './denial.ts'
import { canServe } from './fit.ts'
import type { PlacementPolicy } from '../lease/lease.ts'
import type { Capacity, Demand } from './fit.ts'

export type Placement = { readonly nodeId: string } | { readonly denied: string }

/**
 * Chooses the node for a lease, of those on which it fits: `pack` the one that has the fewest cores free, then the
 * least memory, so that large leases find room later and idle nodes stay idle; `spread` the one that has the most
 * cores free, then the most memory, so that leases stay out of each other's way. Of equal ones the first by name.
 * Depends on nothing but its arguments, and looks at every node: CapacityIndex gives the same answers faster.
 *
 * @param nodes those that are ready, in any order
 * @returns the node, or why there is none, in numbers
 */
export function place(demand: Demand, nodes: readonly Capacity[]): Placement {
  const best = bestOf(demand, nodes)
  return best !== null ? { nodeId: best.nodeId } : { denied: denialOf(demand, nodes) }
}

/** Why it fits on none of them, in numbers. */
export function denialOf(demand: Demand, nodes: readonly Capacity[]): string {
  const others = nodes.filter(({ nodeId }) => !demand.avoidNodeIds.includes(nodeId))
  return describeDenial(demand, others)
}

/** As {@link place}; null when it fits on none. */
export function bestOf(demand: Demand, nodes: Iterable<Capacity>): Capacity | null {
  let best: Capacity | null = null
  for (const node of nodes) {
    if (canServe(node, demand) && (best === null || isBetter(node, best, demand.policy))) best = node
  }
  return best
}

/** Whether a lease that fits on both goes to `a` rather than to `b`. */
export function isBetter(a: Capacity, b: Capacity, policy: PlacementPolicy): boolean {
  const more = a.coresFree - b.coresFree || a.memoryMibFree - b.memoryMibFree
  if (more === 0) return a.nodeId < b.nodeId
  return policy === 'pack' ? more < 0 : more > 0
}
