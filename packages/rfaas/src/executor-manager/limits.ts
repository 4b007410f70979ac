import { strict as assert } from 'node:assert'

import { BUNDLE_BYTES_MAX, CONTROL_CALL_TIMEOUT_MS, CONTROL_PLAIN_MESSAGE_BYTES_MAX } from '../control/limits.ts'
import { FAREWELL_ACK_MS_MAX } from '../executor/limits.ts'
import { LEASE_REPORTS_MAX } from '../lease/limits.ts'

/*
 * Bounds of a node: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** What a node's cache of bundles may hold on disk. */
export const BUNDLE_CACHE_BYTES_MAX: number = 1024 * 1024 * 1024

/** How often a node marks the bundles that its executors use… */
export const BUNDLE_TOUCH_INTERVAL_MS: number = 60_000

/** …and how long after its last mark a bundle is safe from eviction, also by other nodes with the same cache. */
export const BUNDLE_SPARE_MS: number = 5 * 60_000

/** How long an executor may take from its start until its workers can be reached. */
export const EXECUTOR_START_TIMEOUT_MS = 20_000

/** How long an executor that was told to drain may finish what it runs; then it is killed. */
export const EXECUTOR_DRAIN_GRACE_MS = 2_000

/** What is kept of an executor's output, for error messages. */
export const EXECUTOR_OUTPUT_BYTES: number = 16 * 1024

/** …and how many lines of it an error message shows. */
export const EXECUTOR_OUTPUT_LINES = 20

/** An executor whose pipe has ended is about to be gone; one that is not after this is killed. */
export const EXECUTOR_GONE_GRACE_MS = 500

/** How long processes that an executor's functions have started are signalled, again and again while there are some… */
export const MARKED_MS_MAX = 2_000

/** …and how long to wait between two looks. */
export const MARKED_LOOK_MS = 10

/** Every thread of an executor gets a heap of at least this; less, and Node does not start. */
export const EXECUTOR_HEAP_MIB_MIN = 16

/** Executors that a node may keep ready. */
export const POOL_SIZE_MAX = 1_024

/** Workers that an executor of the pool has ready; a lease of more starts the rest when it comes. */
export const POOL_WORKERS_MAX = 8

/** Leases of more workers than this start an executor of their own: one page has the meters of so many. */
export const POOL_LEASE_WORKERS_MAX = 64

/** How long after the start of a lease the pool is not refilled: the lease makes its first calls then. */
export const POOL_REFILL_DELAY_MS = 200

/** Then it is refilled when so many cores of the machine were idle meanwhile… */
export const POOL_IDLE_CORES_MIN = 0.5

/** …or after this, for a machine may always be busy. */
export const POOL_BUSY_MS_MAX = 5_000

/** After an executor for the pool could not be started, or died, the next one waits so long at first… */
export const POOL_RETRY_MS_MIN = 500

/** …and at most so long, when it happens again and again. */
export const POOL_RETRY_MS_MAX = 60_000

/** Memory that a node must leave to its machine so that it keeps an executor ready without having been asked to. */
export const POOL_SPARE_MIB_MIN = 512

/** How long an executor is kept for the next lease where leases ask for more, unless the node is told otherwise… */
export const KEEP_WARM_MS_DEFAULT = 60_000

/** …and at most: what it keeps may be hours old, but not of another day. */
export const KEEP_WARM_MS_MAX: number = 24 * 60 * 60_000

/** A kept executor starts in milliseconds; one that does not in this time is ended, and the lease gets another one. */
export const KEPT_START_TIMEOUT_MS = 2_000

/** A node remembers an ended lease for this long, to answer late questions about its end and its usage. */
export const LEASE_REMEMBERED_MS = 60_000

/** How long a node trusts what it knows of the resource manager's clock more than an answer that took longer to come. */
export const MANAGER_CLOCK_KEPT_MS: number = 60_000

/** How long a node leaves a new lease to its first invocations before it tells the resource manager that it is active. */
export const ACTIVE_REPORT_DELAY_MS = 25

/** How long a node waits for the answer to a heartbeat; then the resource manager counts as away. */
export const HEARTBEAT_TIMEOUT_MS = 2_000

assert(FAREWELL_ACK_MS_MAX < EXECUTOR_DRAIN_GRACE_MS, 'a worker whose client is silent ends before it is killed')
assert(EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS, 'a client hears why an executor did not start')
assert(
  KEPT_START_TIMEOUT_MS + EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS,
  'a lease whose kept executor does not start again gets another one in time',
)
assert(MARKED_LOOK_MS * 10 < MARKED_MS_MAX, 'processes that start others are looked for many times')
assert(POOL_REFILL_DELAY_MS < POOL_BUSY_MS_MAX, 'the pool looks for an idle core more than once')
assert(POOL_WORKERS_MAX <= POOL_LEASE_WORKERS_MAX, 'an executor of the pool has meters for all of its workers')
assert(BUNDLE_TOUCH_INTERVAL_MS * 2 < BUNDLE_SPARE_MS, 'a bundle in use survives one missed mark')
assert(BUNDLE_BYTES_MAX < BUNDLE_CACHE_BYTES_MAX, 'the cache holds the largest bundle')
// A report takes less than this many bytes: an id, nine numbers and an end.
assert(256 * LEASE_REPORTS_MAX < CONTROL_PLAIN_MESSAGE_BYTES_MAX, 'a node can report all of its leases at once')
