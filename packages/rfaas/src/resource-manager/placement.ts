import type { FabricOffer } from './records.ts'

/** What is asked for. */
export interface Demand {
  readonly cores: number
  readonly memoryMib: number
  /** Empty: any node. */
  readonly nodeId: string
  /** Empty: any fabric. */
  readonly fabrics: readonly string[]
  /** Of the client; empty: it shares memory with no node. */
  readonly hostId: string
}

/** What a node has. */
export interface Capacity {
  readonly nodeId: string
  readonly cores: number
  readonly memoryMib: number
  readonly coresFree: number
  readonly memoryMibFree: number
  readonly fabrics: readonly FabricOffer[]
}

export type Placement = { readonly nodeId: string } | { readonly denied: string }

/**
 * Chooses the node for a lease. Packs: of the nodes on which it fits, the one that will have the fewest cores free,
 * then the least memory, then the first by name; so that large leases find room later and idle nodes stay idle.
 * Depends on nothing but its arguments.
 *
 * @param nodes those that are ready, in any order
 * @returns the node, or why there is none, in numbers
 */
export function place(demand: Demand, nodes: readonly Capacity[]): Placement {
  const named = demand.nodeId === '' ? nodes : nodes.filter(({ nodeId }) => nodeId === demand.nodeId)
  if (named.length === 0) {
    const reason = demand.nodeId === '' ? 'there is no node' : `node ${demand.nodeId} is unknown or lost`
    return { denied: `${reason}; ${nodes.length} ${nodes.length === 1 ? 'node is' : 'nodes are'} ready` }
  }
  const reachable = named.filter(({ fabrics }) => fabrics.some((offer) => isAcceptable(offer, demand)))
  if (reachable.length === 0) return { denied: describeFabrics(demand, named) }

  const fitting = reachable.filter((node) => node.coresFree >= demand.cores && node.memoryMibFree >= demand.memoryMib)
  const [best] = fitting.sort(tightestFirst)
  return best === undefined ? { denied: describeShortage(demand, reachable) } : { nodeId: best.nodeId }
}

function isAcceptable({ fabric, hostId }: FabricOffer, demand: Demand): boolean {
  if (demand.fabrics.length > 0 && !demand.fabrics.includes(fabric)) return false
  return fabric !== 'local' || (hostId !== '' && hostId === demand.hostId)
}

function tightestFirst(a: Capacity, b: Capacity): number {
  return a.coresFree - b.coresFree || a.memoryMibFree - b.memoryMibFree || (a.nodeId < b.nodeId ? -1 : 1)
}

function describeFabrics({ fabrics, hostId }: Demand, nodes: readonly Capacity[]): string {
  const asked = fabrics.length === 0 ? 'any fabric' : `fabric ${fabrics.join(' or ')}`
  const offered = [...new Set(nodes.flatMap((node) => node.fabrics.map(({ fabric }) => fabric)))].sort()
  const elsewhere = nodes.every((node) => node.fabrics.every((offer) => offer.hostId !== hostId || hostId === ''))
  const local = offered.includes('local') && elsewhere ? ' (local reaches only nodes on the host of the client)' : ''
  return `${asked} asked, ${nodeCount(nodes)} ${offered.join(', ') || 'nothing'}${local}`
}

const nodeCount = (nodes: readonly Capacity[]): string =>
  nodes.length === 1 ? `node ${nodes[0]!.nodeId} offers` : `the ${nodes.length} nodes offer`

const coreCount = (cores: number): string => `${cores} ${cores === 1 ? 'core' : 'cores'}`

/** The reason is the resource of which no node has enough, or both together where each alone would do. */
function describeShortage({ cores, memoryMib }: Demand, nodes: readonly Capacity[]): string {
  const shortOf: string[] = []
  const mostCores = largest(nodes, ({ coresFree }) => coresFree)
  if (mostCores.coresFree < cores) {
    const all = nodes.reduce((sum, node) => sum + node.cores, 0)
    shortOf.push(`${coreCount(cores)} asked, largest free ${mostCores.coresFree} on ${mostCores.nodeId}; ${all} in all`)
  }
  const mostMemory = largest(nodes, ({ memoryMibFree }) => memoryMibFree)
  if (mostMemory.memoryMibFree < memoryMib) {
    const all = nodes.reduce((sum, node) => sum + node.memoryMib, 0)
    const free = `${mostMemory.memoryMibFree} MiB on ${mostMemory.nodeId}`
    shortOf.push(`${memoryMib} MiB asked, largest free ${free}; ${all} MiB in all`)
  }
  if (shortOf.length > 0) return shortOf.join('; ')
  const most = `${mostCores.nodeId} has ${coreCount(mostCores.coresFree)} and ${mostCores.memoryMibFree} MiB free`
  return `${coreCount(cores)} and ${memoryMib} MiB asked, no node has both free; ${most}`
}

function largest(nodes: readonly Capacity[], size: (node: Capacity) => number): Capacity {
  const [first] = nodes.toSorted((a, b) => size(b) - size(a) || (a.nodeId < b.nodeId ? -1 : 1))
  return first!
}
