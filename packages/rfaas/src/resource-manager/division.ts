import type { Capacity, Demand } from './fit.ts'

/** The part of a lease that is on one node. */
export interface Share {
  readonly nodeId: string
  readonly cores: number
  readonly memoryMib: number
}

/** Chooses a node for a demand that must be on one node; null when it fits on none. */
export type Find = (demand: Demand) => Capacity | null

/**
 * Divides a demand over nodes: `pack` uses as few nodes as possible; `spread` divides evenly over as many nodes as
 * allowed, or does as `pack` when an even division does not give all cores. Memory is divided in proportion to the
 * cores.
 *
 * @returns shares on distinct nodes, together with as many cores as possible, at most as many as asked for
 */
export function divide(demand: Demand, find: Find): Share[] {
  if (demand.policy === 'spread' && demand.nodesMax > 1) {
    const even = gather(demand, find, (left, nodesLeft) => Math.ceil(left / nodesLeft))
    if (coresOf(even) === demand.cores) return even
  }
  // Taking the largest shares first gives the most cores for the number of nodes.
  return gather(demand, find, (left) => left)
}

export function coresOf(shares: readonly Share[]): number {
  return shares.reduce((sum, { cores }) => sum + cores, 0)
}

/** The part of a demand with this many cores, on one node. */
export function partOf(demand: Demand, cores: number): Demand {
  const memoryMib = Math.ceil((demand.memoryMib * cores) / demand.cores)
  return { ...demand, cores, memoryMib, coresMin: cores, nodesMax: 1 }
}

/**
 * Collects shares node by node.
 *
 * @param wanted returns how many cores to ask of the next node
 */
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

/** The largest share that one node can give, of at most `coresMax` cores. */
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
