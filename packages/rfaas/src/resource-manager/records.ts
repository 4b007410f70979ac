import type { Usage } from '../accounting/usage.ts'
import { NO_LABELS } from '../lease/labels.ts'
import type { Labels } from '../lease/labels.ts'
import type { Lease } from '../lease/lease.ts'
import { addResources, NO_RESOURCES, subtractResources } from '../lease/resources.ts'
import type { Resources } from '../lease/resources.ts'
import type { Capacity } from './fit.ts'

/*
 * The records in the store, as JSON. One commit moves a lease from OPEN to CLOSED and returns its capacity to its node.
 * A second attempt finds it gone from OPEN, so capacity is returned exactly once, whoever closes the lease.
 */

export const NODES = 'nodes/'
export const HEARTBEATS = 'heartbeats/'
export const POOLS = 'pools/'
export const OPEN_LEASES = 'leases/open/'
export const CLOSED_LEASES = 'leases/closed/'
/** Empty records by which the open leases of a node are found; written and deleted together with the lease. */
export const LEASES_OF = 'leases/of/'
/** Empty records by which the leases that closed first are found. */
export const CLOSED_AT = 'leases/closed-at/'
/** The usage of open leases, written from time to time; see UsageBook. */
export const USAGE = 'usage/'
/** The ids of the leases that were granted for a request, by tenant and request id, while all of them are open. */
export const REQUESTS = 'requests/'
export const LAST_FENCE = 'last-fence'
export const LAST_RUN = 'last-run'
export const SIGNING_KEY = 'signing-key'

export interface FabricOffer {
  readonly fabric: string
  readonly hostId: string
  readonly address: string
}

/** State of the executor pool of a node. */
export interface PoolRecord {
  readonly size: number
  readonly ready: number
  readonly memoryMib: number
}

export interface NodeRecord {
  readonly nodeId: string
  /** Run of the node's registration; 0 when the node does not number its runs. */
  readonly run: number
  readonly controlUrl: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Resources
  /** Reserved for the node's open leases. Exceeds `cores` when a node comes back smaller than it was. */
  readonly coresLeased: number
  readonly memoryMibLeased: number
  readonly resourcesLeased: Resources
  readonly labels: Labels
  readonly fabrics: readonly FabricOffer[]
  /** When the node was declared lost; null while it lives. */
  readonly lostUnixMs: number | null
  /** Why the node takes no new leases; null while it does. */
  readonly drainReason: string | null
}

export interface LeaseRecord extends Lease {
  /** Complete when the lease is closed. The usage of an open lease is in USAGE and in the UsageBook. */
  readonly usage: Usage
  /** The request that the lease was granted for; empty: it has no id. */
  readonly requestId: string
}

/** Digits of a time in milliseconds, until the year 5138. */
const UNIX_MS_DIGITS = 14

export function leaseOfKey({ nodeId, leaseId }: Pick<Lease, 'nodeId' | 'leaseId'>): string {
  // The ids of nodes contain no slash.
  return `${LEASES_OF}${nodeId}/${leaseId}`
}

export function closedAtKey({ closedUnixMs, leaseId }: Pick<Lease, 'closedUnixMs' | 'leaseId'>): string {
  return `${CLOSED_AT}${String(Math.max(0, Math.floor(closedUnixMs))).padStart(UNIX_MS_DIGITS, '0')}/${leaseId}`
}

export function requestKey({ tenant, requestId }: { tenant: string; requestId: string }): string {
  return `${REQUESTS}${tenant}/${requestId}`
}

/** The inverse of {@link closedAtKey}. */
export function parseClosedAt(key: string): { closedUnixMs: number; leaseId: string } {
  const [unixMs, leaseId] = key.slice(CLOSED_AT.length).split('/') as [string, string]
  return { closedUnixMs: Number(unixMs), leaseId }
}

/** Defaults for records that were written before resources, labels, drains and runs existed. */
const RECORD_DEFAULTS = {
  resources: NO_RESOURCES,
  resourcesLeased: NO_RESOURCES,
  labels: NO_LABELS,
  drainReason: null,
  run: 0,
}

const LEASE_DEFAULTS = { resources: NO_RESOURCES, priority: 0, requestId: '' }

export function parseNode(value: string): NodeRecord {
  return { ...RECORD_DEFAULTS, ...(JSON.parse(value) as NodeRecord) }
}

export function parseLease(value: string): LeaseRecord {
  return { ...LEASE_DEFAULTS, ...(JSON.parse(value) as Omit<LeaseRecord, keyof typeof LEASE_DEFAULTS>) }
}

export function parseUsage(value: string): Usage {
  return JSON.parse(value) as Usage
}

export function parsePool(value: string): PoolRecord {
  return JSON.parse(value) as PoolRecord
}

/** Whether the node has not been declared lost. */
export function isAlive(node: NodeRecord): boolean {
  return node.lostUnixMs === null
}

/** Whether new leases may be placed on the node. */
export function isReady(node: NodeRecord): boolean {
  return isAlive(node) && node.drainReason === null
}

/** The node's capacity for leases. */
export function capacityOf(node: NodeRecord): Capacity {
  const { nodeId, cores, memoryMib, resources, labels, fabrics } = node
  return {
    nodeId,
    cores,
    memoryMib,
    resources,
    coresFree: Math.max(0, cores - node.coresLeased),
    memoryMibFree: Math.max(0, memoryMib - node.memoryMibLeased),
    resourcesFree: resourcesFree(node),
    labels,
    fabrics,
  }
}

/** The capacity that a lease takes from a node. */
export type Taken = Pick<LeaseRecord, 'cores' | 'memoryMib' | 'resources'>

/** The node with this capacity reserved. */
export function withTaken(node: NodeRecord, { cores, memoryMib, resources }: Taken): NodeRecord {
  return {
    ...node,
    coresLeased: node.coresLeased + cores,
    memoryMibLeased: node.memoryMibLeased + memoryMib,
    resourcesLeased: addResources(node.resourcesLeased, resources),
  }
}

/** The node with this capacity returned. */
export function withGivenBack(node: NodeRecord, { cores, memoryMib, resources }: Taken): NodeRecord {
  return {
    ...node,
    coresLeased: node.coresLeased - cores,
    memoryMibLeased: node.memoryMibLeased - memoryMib,
    resourcesLeased: subtractResources(node.resourcesLeased, resources),
  }
}

function resourcesFree({ resources, resourcesLeased }: NodeRecord): Resources {
  const free = Object.entries(subtractResources(resources, resourcesLeased))
  return Object.fromEntries(free.filter(([, amount]) => amount > 0))
}
