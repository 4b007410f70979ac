import type { Capacity, Demand } from './fit.ts'

/** What one node has of a lease. */
export interface Share {
  readonly nodeId: string
  readonly cores: number
  readonly memoryMib: number
}

/** Chooses the node for what must be on one; null when it fits on none. */
export type Find = (demand: Demand) => Capacity | null

/**
 * Divides what is asked for over the nodes that have it: `pack` over as few as will do, `spread` evenly over as many as
 * there may be, and as `pack` does where that does not give all. Memory goes with the cores.
 *
 * @returns no two on one node; together as many cores as can be had, and no more than are asked for
 */
export function divide(demand: Demand, find: Find): Share[] {
  if (demand.policy === 'spread' && demand.nodesMax > 1) {
    const even = gather(demand, find, (left, nodesLeft) => Math.ceil(left / nodesLeft))
    if (coresOf(even) === demand.cores) return even
  }
  // The largest shares first: no other way gets more out of so many nodes.
  return gather(demand, find, (left) => left)
}

export function coresOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { cores }) => sum + cores, 0)
}

/** The same, of so many cores on one node. */
export function partOf(demand: Demand, cores: number): Demand {
  const memoryMib = Math.ceil((demand.memoryMib * cores) / demand.cores)
  return { ...demand, cores, memoryMib, coresMin: cores, nodesMax: 1 }
}

/** @param wanted how many cores on the next node */
function gather(demand: Demand, find: Find, wanted: (left: number, nodesLeft: number) => number): Share[] {
  const shares: Share[] = []
  for (let left = demand.cores; left > 0 && shares.length < demand.nodesMax;) {
    const avoidNodeIds = [...demand.avoidNodeIds, ...shares.map(({ nodeId }) => nodeId)]
    const share = largestShare({ ...demand, avoidNodeIds }, wanted(left, demand.nodesMax - shares.length), find)
    if (share === null) break
    shares.push(share)
    left -= share.cores
  }
  return shares
}

/** On the node that can give the most, and no more than `coresMax`. */
function largestShare(demand: Demand, coresMax: number, find: Find): Share | null {
  const tryFor = (cores: number): Share | null => {
    const part = partOf(demand, cores)
    const node = find(part)
    return node === null ? null : { nodeId: node.nodeId, cores, memoryMib: part.memoryMib }
  }
  let best = tryFor(coresMax)
  if (best !== null || (demand.nodesMax === 1 && demand.coresMin === demand.cores)) return best
  for (let low = 1, high = coresMax - 1; low <= high;) {
    const cores = (low + high) >> 1
    const share = tryFor(cores)
    if (share === null) high = cores - 1
    else {
      best = share
      low = cores + 1
    }
  }
  return best
}
