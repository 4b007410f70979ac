import { strict as assert } from 'node:assert'

import {
  BUNDLE_BYTES_MAX,
  CONTROL_CALL_TIMEOUT_MS,
  CONTROL_PLAIN_MESSAGE_BYTES_MAX,
  DEPLOYED_BYTES_MAX,
} from '../control/limits.ts'
import { LEASE_REPORTS_MAX } from '../lease/limits.ts'

/*
 * Bounds of a node: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** Default limit for a node's cache of bundles on disk. */
export const BUNDLE_CACHE_BYTES_MAX: number = 1024 * 1024 * 1024

/** The share of that cache that one packed bundle may take: a module with its packages and files. */
export const PACKED_BUNDLE_SHARE_MAX = 0.5

/** How long a node waits for the next slice of a packed bundle before it forgets what has arrived. */
export const BUNDLE_UPLOAD_IDLE_MS: number = 60_000

/** How often a node marks the bundles that its executors use… */
export const BUNDLE_TOUCH_INTERVAL_MS: number = 60_000

/** …and how long after its last mark a bundle is safe from eviction, also by other nodes with the same cache. */
export const BUNDLE_SPARE_MS: number = 5 * 60_000

/** The most that functions of one lease may have in their working directory, unless the node is told otherwise… */
export const WORK_FOLDER_BYTES_MAX: number = 1024 * 1024 * 1024

/** …of which each file and folder counts at least this, because it takes room for its name and place, too… */
export const WORK_FILE_BYTES_MIN: number = 4 * 1024

/** …and how often the node looks, … */
export const WORK_FOLDER_LOOK_MS = 1_000

/** …but never for a larger share of the time than this. */
export const WORK_FOLDER_REST_SHARE = 0.05

/** How long an executor may take from its start until its workers can be reached. */
export const EXECUTOR_START_TIMEOUT_MS = 20_000

/**
 * How long an update in place waits for the executor from before the last update, which still answers; then it is denied.
 */
export const UPDATE_FORMER_MS_MAX = 2_000

/** How long an executor that was told to drain may finish what it runs; then it is killed. */
export const EXECUTOR_DRAIN_GRACE_MS = 2_000

/**
 * How many times in succession a worker is restarted that has ended before it began an invocation. The next time its
 * executor ends.
 */
export const WORKER_RESTARTS_IN_VAIN_MAX = 3

/** How much of an executor's output is kept, for error messages. */
export const EXECUTOR_OUTPUT_BYTES: number = 16 * 1024

/** …and how many lines of it an error message shows. */
export const EXECUTOR_OUTPUT_LINES = 20

/** Longest line of an executor's output that is passed on in one piece. */
export const OUTPUT_LINE_CHARS_MAX: number = 8 * 1024

/** How much of an executor's output is passed on… */
export const OUTPUT_WINDOW_BYTES_MAX: number = 1024 * 1024

/** …within this time. */
export const OUTPUT_WINDOW_MS = 1_000

/** Output of a lease that its client has not read yet; the oldest lines beyond it are dropped. */
export const OUTPUT_QUEUE_BYTES_MAX: number = 1024 * 1024

/** An executor's pipe ends just before its process does. A process that is still alive after this is killed. */
export const EXECUTOR_GONE_GRACE_MS = 500

/** How long processes started by an executor's functions are signalled, repeatedly while some are left… */
export const MARKED_MS_MAX = 2_000

/** …and the pause between two scans. */
export const MARKED_LOOK_MS = 10

/** Every thread of an executor gets at least this heap; Node does not start with less. */
export const EXECUTOR_HEAP_MIB_MIN = 16

/** Largest number of executors that a node may keep ready. */
export const POOL_SIZE_MAX = 1_024

/** Largest number of workers that a pooled executor has ready; a larger lease starts the rest on arrival. */
export const POOL_WORKERS_MAX = 8

/** Leases of more workers than this do not use the pool: the meter page of a pooled executor has room for this many. */
export const POOL_LEASE_WORKERS_MAX = 64

/** How long after the start of a lease the pool is not refilled, because the lease then makes its first calls. */
export const POOL_REFILL_DELAY_MS = 200

/** After that it is refilled once this many cores of the machine were idle since the last check… */
export const POOL_IDLE_CORES_MIN = 0.5

/** …or at the latest after this, because a machine may always be busy. */
export const POOL_BUSY_MS_MAX = 5_000

/**
 * After an executor for the pool could not be started, or died, the pool first waits this long before the next start…
 */
export const POOL_RETRY_MS_MIN = 500

/** …and at most this long after repeated failures. */
export const POOL_RETRY_MS_MAX = 60_000

/** A node keeps an executor ready by default only if it leaves at least this much memory to its machine. */
export const POOL_SPARE_MIB_MIN = 512

/** Default upper bound for how long an executor is kept for the next lease, whatever leases ask for… */
export const KEEP_WARM_MS_DEFAULT = 60_000

/** …and the largest configurable bound: the executor's state may be hours old, but not more than a day. */
export const KEEP_WARM_MS_MAX: number = 24 * 60 * 60_000

/** A kept executor starts in milliseconds. One that takes longer than this is ended, and the lease gets another. */
export const KEPT_START_TIMEOUT_MS = 2_000

/** A node remembers an ended lease for this long, to answer late questions about its end and its usage. */
export const LEASE_REMEMBERED_MS = 60_000

/** How long a node prefers an earlier reading of the manager's clock to a newer one with a longer round trip. */
export const MANAGER_CLOCK_KEPT_MS: number = 60_000

/** How much faster than another a clock may run; one that differs more was set. Twice what NTP corrects by slewing. */
export const CLOCK_DRIFT_MAX = 0.001

/** How long a node waits between two questions whether a token that it must refuse is good after all. */
export const TOKEN_DOUBT_INTERVAL_MS = 100

/** How long a node tries to reach another one of its name. Longer than a manager needs to notice that a node is gone. */
export const FORMER_NODE_TIMEOUT_MS = 5_000

/**
 * How long a node delays the report of what is not urgent, such as a new lease that is active, so as not to disturb its
 * first invocations.
 */
export const REPORT_DELAY_MS = 25

/** How long a node waits for the answer to a heartbeat; then the resource manager counts as away. */
export const HEARTBEAT_TIMEOUT_MS = 2_000

assert(EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS, 'a client hears why an executor did not start')
assert(
  KEPT_START_TIMEOUT_MS + EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS,
  'a lease whose kept executor does not start again gets another one in time',
)
assert(
  UPDATE_FORMER_MS_MAX + KEPT_START_TIMEOUT_MS + EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS,
  'an update hears why its executor did not start',
)
assert(MARKED_LOOK_MS * 10 < MARKED_MS_MAX, 'processes that start others are looked for many times')
assert(POOL_REFILL_DELAY_MS < POOL_BUSY_MS_MAX, 'the pool looks for an idle core more than once')
assert(POOL_WORKERS_MAX <= POOL_LEASE_WORKERS_MAX, 'an executor of the pool has meters for all of its workers')
assert(BUNDLE_TOUCH_INTERVAL_MS * 2 < BUNDLE_SPARE_MS, 'a bundle in use survives one missed mark')
assert(PACKED_BUNDLE_SHARE_MAX < 1, 'the cache holds the largest packed bundle with its manifest')
assert(
  DEPLOYED_BYTES_MAX <= BUNDLE_CACHE_BYTES_MAX * PACKED_BUNDLE_SHARE_MAX,
  'a node takes every bundle that can be deployed, unless its cache is made smaller',
)
assert(BUNDLE_UPLOAD_IDLE_MS < BUNDLE_SPARE_MS, 'an upload is not evicted while it waits')
assert(BUNDLE_BYTES_MAX < BUNDLE_CACHE_BYTES_MAX, 'the cache holds the largest bundle')
// A report takes fewer than 256 bytes: an id, nine numbers and an end.
assert(256 * LEASE_REPORTS_MAX < CONTROL_PLAIN_MESSAGE_BYTES_MAX, 'a node can report all of its leases at once')
