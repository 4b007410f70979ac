import type { Usage } from '../accounting/usage.ts'
import type { Lease } from '../lease/lease.ts'

/*
 * What the store holds, as JSON. A lease moves from OPEN to CLOSED in one commit that also gives its cores and memory
 * back to its node: whoever is second finds it gone, so capacity comes back exactly once, whoever closes it.
 */

export const NODES = 'nodes/'
export const HEARTBEATS = 'heartbeats/'
export const OPEN_LEASES = 'leases/open/'
export const CLOSED_LEASES = 'leases/closed/'
export const LAST_FENCE = 'last-fence'
export const SIGNING_KEY = 'signing-key'

export interface FabricOffer {
  readonly fabric: string
  readonly hostId: string
  readonly address: string
}

export interface NodeRecord {
  readonly nodeId: string
  readonly controlUrl: string
  readonly cores: number
  readonly memoryMib: number
  /** Set aside for its open leases. More than `cores` when a node comes back smaller than it was. */
  readonly coresLeased: number
  readonly memoryMibLeased: number
  readonly fabrics: readonly FabricOffer[]
  /** When it was declared lost; null while it is ready. */
  readonly lostUnixMs: number | null
}

export interface LeaseRecord extends Lease {
  readonly usage: Usage
}

export function parseNode(value: string): NodeRecord {
  return JSON.parse(value) as NodeRecord
}

export function parseLease(value: string): LeaseRecord {
  return JSON.parse(value) as LeaseRecord
}

/** Whether new leases may be placed on it. */
export function isReady(node: NodeRecord): boolean {
  return node.lostUnixMs === null
}

export function coresFree(node: NodeRecord): number {
  return Math.max(0, node.cores - node.coresLeased)
}

export function memoryMibFree(node: NodeRecord): number {
  return Math.max(0, node.memoryMib - node.memoryMibLeased)
}
