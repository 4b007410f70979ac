import { amountOf } from '../lease/resources.ts'
import type { PlacementPolicy } from '../lease/lease.ts'
import type { Resources } from '../lease/resources.ts'
import type { FabricOffer } from './records.ts'

/** What a lease request asks for. */
export interface Demand {
  /** Total over all nodes, like the memory. */
  readonly cores: number
  /** The fewest cores that are acceptable when `cores` are not free. */
  readonly coresMin: number
  readonly memoryMib: number
  /** Amounts on each node. */
  readonly resources: Resources
  /** The node must have each of them, with this value. */
  readonly labels: Readonly<Record<string, string>>
  /** The only node allowed; empty: any node. */
  readonly nodeId: string
  /** Nodes that must not be used. */
  readonly avoidNodeIds: readonly string[]
  /** Largest number of nodes. */
  readonly nodesMax: number
  /** The fabrics that the client accepts; empty: any fabric. */
  readonly fabrics: readonly string[]
  /** Host of the client; empty: the client shares memory with no node. */
  readonly hostId: string
  readonly policy: PlacementPolicy
}

/** The capacity and properties of a node. */
export interface Capacity {
  readonly nodeId: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Resources
  readonly coresFree: number
  readonly memoryMibFree: number
  readonly resourcesFree: Resources
  readonly labels: Readonly<Record<string, string>>
  readonly fabrics: readonly FabricOffer[]
}

/** Whether all that is asked for fits on the node. */
export function canServe(node: Capacity, demand: Demand): boolean {
  return hasFree(node, demand) && isNamed(node, demand) && hasLabels(node, demand) && isReachable(node, demand)
}

export function isNamed({ nodeId }: Capacity, demand: Demand): boolean {
  if (demand.avoidNodeIds.includes(nodeId)) return false
  return demand.nodeId === '' || demand.nodeId === nodeId
}

export function hasLabels({ labels }: Capacity, demand: Demand): boolean {
  for (const name in demand.labels) if (labels[name] !== demand.labels[name]) return false
  return true
}

/** Whether a fabric reaches only nodes whose `host_id` is the client's: of the same host, or of the same process. */
export function isOfHost(fabric: string): boolean {
  return fabric === 'local' || fabric === 'threads'
}

/** Whether the client can reach the node over a fabric that it accepts. */
export function isReachable({ fabrics }: Capacity, demand: Demand): boolean {
  return fabrics.some(({ fabric, hostId }) => {
    if (demand.fabrics.length > 0 && !demand.fabrics.includes(fabric)) return false
    return !isOfHost(fabric) || (hostId !== '' && hostId === demand.hostId)
  })
}

function hasFree({ coresFree, memoryMibFree, resourcesFree }: Capacity, demand: Demand): boolean {
  if (coresFree < demand.cores || memoryMibFree < demand.memoryMib) return false
  for (const name in demand.resources) if (amountOf(resourcesFree, name) < demand.resources[name]!) return false
  return true
}
