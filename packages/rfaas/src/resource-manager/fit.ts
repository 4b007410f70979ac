import { amountOf } from '../lease/resources.ts'
import type { PlacementPolicy } from '../lease/lease.ts'
import type { Resources } from '../lease/resources.ts'
import type { FabricOffer } from './records.ts'

/** What is asked for. */
export interface Demand {
  /** On all nodes, as the memory. */
  readonly cores: number
  /** When `cores` are not free, fewer will do, down to this many. */
  readonly coresMin: number
  readonly memoryMib: number
  /** On each node. */
  readonly resources: Resources
  /** The node must have each of them, with this value. */
  readonly labels: Readonly<Record<string, string>>
  /** Empty: any node. */
  readonly nodeId: string
  /** Not these nodes. */
  readonly avoidNodeIds: readonly string[]
  /** Over so many nodes at most. */
  readonly nodesMax: number
  /** Empty: any fabric. */
  readonly fabrics: readonly string[]
  /** Of the client; empty: it shares memory with no node. */
  readonly hostId: string
  readonly policy: PlacementPolicy
}

/** What a node has. */
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

/** Over a fabric that the client accepts. */
export function isReachable({ fabrics }: Capacity, demand: Demand): boolean {
  return fabrics.some(({ fabric, hostId }) => {
    if (demand.fabrics.length > 0 && !demand.fabrics.includes(fabric)) return false
    return fabric !== 'local' || (hostId !== '' && hostId === demand.hostId)
  })
}

function hasFree({ coresFree, memoryMibFree, resourcesFree }: Capacity, demand: Demand): boolean {
  if (coresFree < demand.cores || memoryMibFree < demand.memoryMib) return false
  for (const name in demand.resources) if (amountOf(resourcesFree, name) < demand.resources[name]!) return false
  return true
}
