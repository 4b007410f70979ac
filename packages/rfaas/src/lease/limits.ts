import { strict as assert } from 'node:assert'

/*
 * Bounds of what can be leased, on which clients, managers and nodes agree: one constant each, the unit last in its
 * name. Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** Cores of one node; every core is a worker and has a line in the node's page of meters. */
export const NODE_CORES_MAX = 4_096

/** Memory of one node: 64 TiB. */
export const NODE_MEMORY_MIB_MAX: number = 64 * 1024 * 1024

/** Characters of a node's id. */
export const NODE_ID_CHARS_MAX = 128

/** Fabrics that one node offers, and that one lease accepts. */
export const FABRICS_MAX = 16

/** Labels of one node, and of one lease. */
export const LABELS_MAX = 32

/** Kinds of resources beside cores and memory that one node has, and that one lease asks for. */
export const RESOURCES_MAX = 16

/** Units of each kind. One environment variable per kind tells an executor the numbers of all units that it gets. */
export const RESOURCE_COUNT_MAX = 4_096

/** Characters of the name of a label or a resource, and of a label's value. */
export const LABEL_CHARS_MAX = 64

/** Cores of one lease. */
export const LEASE_CORES_MAX: number = NODE_CORES_MAX

/** Memory of one lease. */
export const LEASE_MEMORY_MIB_MAX: number = NODE_MEMORY_MIB_MAX

/** Memory of a lease that does not say how much it needs. */
export const LEASE_MEMORY_MIB_DEFAULT = 512

/** Nodes over which one request may be divided. */
export const LEASE_NODES_MAX = 64

/** How long a request for a lease may wait. */
export const LEASE_WAIT_MS_MAX: number = 24 * 60 * 60_000

/** Highest priority of a lease; the lowest, and the usual one, is 0. */
export const LEASE_PRIORITY_MAX = 1_000

/** Shortest lease: a shorter one would be over before its executor has started. */
export const LEASE_DURATION_MS_MIN = 100

/** Longest lease without a renewal: cores whose client is gone are free again after this at the latest. */
export const LEASE_DURATION_MS_MAX: number = 24 * 60 * 60_000

/** Most leases in one report of a node: all that it can run, and as many that have just ended. */
export const LEASE_REPORTS_MAX: number = 2 * NODE_CORES_MAX

/** Longest grace: how long invocations may go on after their lease is taken back. */
export const RETRIEVAL_GRACE_MS_MAX: number = 60 * 60_000

/** Interval of a node's heartbeats, unless the resource manager is told otherwise. */
export const HEARTBEAT_INTERVAL_MS = 1_000

/** Largest sum of the names and values of the environment variables that a lease brings. */
export const ENVIRONMENT_BYTES_MAX: number = 64 * 1024

assert(LEASE_CORES_MAX <= NODE_CORES_MAX && LEASE_MEMORY_MIB_MAX <= NODE_MEMORY_MIB_MAX, 'a lease is on one node')
assert(LEASE_DURATION_MS_MIN < LEASE_DURATION_MS_MAX, 'there are leases')
// The number of a unit takes four digits and a comma; Linux accepts no environment variable of more than 128 KiB.
assert(5 * RESOURCE_COUNT_MAX < 128 * 1024, 'an executor that is told its resources can start processes')
