import { strict as assert } from 'node:assert'

import { EXECUTOR_DRAIN_GRACE_MS, HEARTBEAT_TIMEOUT_MS, MARKED_MS_MAX } from '../executor-manager/limits.ts'
import { HEARTBEAT_INTERVAL_MS } from '../lease/limits.ts'

/*
 * Bounds of a resource manager: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** How often a transaction of the resource manager is attempted when others change what it has read. */
export const TRANSACTION_ATTEMPTS_MAX = 100

/**
 * After this many misses in a row, when nodes that the index proposed had no room left, the manager reads all nodes.
 */
export const PLACEMENT_MISSES_MAX = 8

/** Lease requests that are granted, and runs of nodes that are numbered, in one commit. */
export const GRANTED_AT_ONCE = 64

export const NODES_MAX = 10_000

/** Characters of any name or address in a request that has no limit of its own. */
export const TEXT_CHARS_MAX = 1_024

/** Lease requests that may wait at one resource manager. */
export const LEASE_QUEUE_MAX = 4_096

/** How often the lease queue checks whether the first waiting request fits. */
export const LEASE_QUEUE_LOOK_MS = 1_000

/** Parked requests that are checked without a turn of the event loop in between. */
export const PARKED_CHECKED_IN_ONE_TURN = 32

/** Characters of the id of a request. */
export const REQUEST_ID_CHARS_MAX = 64

/** Characters of a tenant's name. */
export const TENANT_CHARS_MAX = 64

/**
 * How long a lease that is taken back for one of a higher priority may still run, unless the manager is told otherwise.
 */
export const PREEMPTION_GRACE_MS = 5_000

/** Characters of an operator's reason for retrieving a lease or draining a node. */
export const REASON_CHARS_MAX = 256

/** A node that is silent for this long is lost, unless the resource manager is told otherwise. */
export const NODE_LOST_AFTER_MS = 3_500

/** How long a lost node stays listed. */
export const NODE_LOST_KEPT_MS: number = 10 * 60_000

/**
 * A terminating lease is closed after this even if its node, though alive, never reports that its executor has stopped.
 */
export const LEASE_TERMINATING_MS_MAX = 15_000

/**
 * How long closed leases can be looked up, and their usage corrected by a late report, unless the resource manager is
 * told otherwise.
 */
export const CLOSED_LEASE_KEPT_MS: number = 24 * 60 * 60_000

/** Closed leases that are forgotten in one commit. */
export const CLOSED_LEASES_FORGOTTEN_AT_ONCE = 64

/** Entries of the store that are read without a turn of the event loop in between. */
export const PAGE_ENTRIES = 256

/** How long the manager waits after each page when it reads what other managers have written. */
export const PAGE_PAUSE_MS = 50

/** Things that are due and are done without a turn of the event loop in between. */
export const SWEPT_IN_ONE_TURN = 16

/** Heartbeats that are written in one commit. */
export const HEARTBEATS_WRITTEN_AT_ONCE = 256

/** How long the usage of an open lease may be in memory only… */
export const USAGE_WRITE_DELAY_MS = 60_000

/** …and of how many leases it is written in one commit. */
export const USAGES_WRITTEN_AT_ONCE = 64

/** When heartbeats or usage could not be written, they are written again after this. */
export const WRITE_RETRY_MS = 500

/** The resource manager reads the clock at least this often while it waits, because wall clocks may be set. */
export const ALARM_SLEEP_MS_MAX = 60_000

/** When the resource manager's work at a deadline fails (the disk is full, say), it is retried after this. */
export const ALARM_RETRY_MS = 1_000

/** Bytes of all deployed functions, unless the resource manager is told otherwise. */
export const FUNCTIONS_BYTES_MAX: number = 256 * 1024 * 1024

/** Uploads of functions that a resource manager takes at once… */
export const FUNCTIONS_UPLOADS_MAX = 16

/** …and how long an upload may pause, before a later one removes it. */
export const FUNCTIONS_UPLOAD_PAUSE_MS_MAX: number = 2 * 60_000

/** Slices of deployed functions that are removed in one commit: some tens of milliseconds on a slow disk. */
export const SLICES_REMOVED_AT_ONCE = 8

/** Names under which functions are or were deployed. A name that is not used any more keeps its last version's number. */
export const FUNCTIONS_NAMES_MAX = 10_000

assert(NODE_LOST_AFTER_MS > 3 * HEARTBEAT_INTERVAL_MS, 'a node survives two heartbeats that are lost or late')
assert(HEARTBEAT_TIMEOUT_MS + HEARTBEAT_INTERVAL_MS < NODE_LOST_AFTER_MS, 'one heartbeat that hangs loses no node')
assert(
  LEASE_TERMINATING_MS_MAX > NODE_LOST_AFTER_MS + EXECUTOR_DRAIN_GRACE_MS + MARKED_MS_MAX,
  'a node has time to stop an executor',
)
