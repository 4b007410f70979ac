import { strict as assert } from 'node:assert'

/*
 * Every bound of rfaas, one constant each, the unit last in its name. A bound that depends on another is asserted
 * below, so that a change to one of them cannot silently break the other.
 */

/** Largest functions bundle that a node takes. */
export const BUNDLE_BYTES_MAX: number = 32 * 1024 * 1024

/** Largest message of the control plane, in both directions. */
export const CONTROL_MESSAGE_BYTES_MAX: number = BUNDLE_BYTES_MAX + 1024 * 1024

/** How long a TCP connection to a manager may take to open. */
export const CONTROL_CONNECT_TIMEOUT_MS = 5_000

/** How long an answer of the control plane may take, unless the caller says otherwise. Streams have no such end. */
export const CONTROL_CALL_TIMEOUT_MS = 30_000

/** A connection with calls under way that is silent for this long is asked whether it lives. */
export const CONTROL_PING_INTERVAL_MS = 1_000

/** …and is given up when it does not answer within this time. */
export const CONTROL_PING_TIMEOUT_MS = 3_000

/** A server probes a connection that was silent for this long, so that vanished machines do not hold streams open. */
export const CONTROL_KEEP_ALIVE_MS = 10_000

/** How long calls under way may still finish once a control server is closing. */
export const CONTROL_CLOSE_GRACE_MS = 500

assert(CONTROL_MESSAGE_BYTES_MAX > BUNDLE_BYTES_MAX, 'a bundle and its token fit into one control message')
assert(CONTROL_CONNECT_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS, 'an unreachable server is told apart from a slow one')

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
export const EXECUTOR_OUTPUT_LINES = 10

/** Every thread of an executor gets a heap of at least this; less, and Node does not start. */
export const EXECUTOR_HEAP_MIB_MIN = 16

/** A node remembers an ended lease for this long, to answer late questions about its end and its usage. */
export const LEASE_REMEMBERED_MS = 60_000

/** Invocations in flight per worker: each has a slot, and slot numbers travel in immediates. */
export const SLOTS_MAX = 4096

/** Largest input of a function, and largest result. */
export const PAYLOAD_BYTES_MAX: number = 64 * 1024 * 1024

assert(EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS, 'a client hears why an executor did not start')
assert(BUNDLE_TOUCH_INTERVAL_MS * 2 < BUNDLE_SPARE_MS, 'a bundle in use survives one missed mark')
assert(BUNDLE_BYTES_MAX < BUNDLE_CACHE_BYTES_MAX, 'the cache holds the largest bundle')

/** How often a transaction of the resource manager is tried again when others were faster. */
export const TRANSACTION_ATTEMPTS_MAX = 100
