import { strict as assert } from 'node:assert'

/*
 * Every bound of rfaas, one constant each, the unit last in its name. A bound that depends on another is asserted
 * below, so that a change to one of them cannot silently break the other.
 */

/** Largest functions bundle that a node takes. */
export const BUNDLE_BYTES_MAX: number = 32 * 1024 * 1024

/** Bundles that a client keeps, not to make them again for the next lease. */
export const BUNDLES_KEPT_MAX = 8

/** Largest message of the control plane: a request with a bundle, or a list of all nodes or leases. */
export const CONTROL_MESSAGE_BYTES_MAX: number = BUNDLE_BYTES_MAX + 1024 * 1024

/** Largest of all other messages. Small, because decoded messages take up to a hundred times as much memory. */
export const CONTROL_PLAIN_MESSAGE_BYTES_MAX: number = 4 * 1024 * 1024

/** What all large requests that a server is receiving may take of its memory… */
export const CONTROL_BODIES_BYTES_MAX: number = 256 * 1024 * 1024

/** …where a request is large beyond this. */
export const CONTROL_BODY_FREE_BYTES: number = 64 * 1024

/** How long a TCP connection to a manager may take to open. */
export const CONTROL_CONNECT_TIMEOUT_MS = 5_000

/** How long an answer of the control plane may take, unless the caller says otherwise. Streams have no such end. */
export const CONTROL_CALL_TIMEOUT_MS = 30_000

/** Longest timeout that a server sets for a call: the longest timer of Node.js. A call with a longer one has none. */
export const CONTROL_TIMEOUT_MS_MAX: number = 2 ** 31 - 1

/** A connection with calls under way that is silent for this long is asked whether it lives. */
export const CONTROL_PING_INTERVAL_MS = 1_000

/** …and is given up when it does not answer within this time. */
export const CONTROL_PING_TIMEOUT_MS = 3_000

/** A server probes a connection that was silent for this long, so that vanished machines do not hold streams open. */
export const CONTROL_KEEP_ALIVE_MS = 10_000

/** How long calls under way may still finish once a control server is closing. */
export const CONTROL_CLOSE_GRACE_MS = 500

assert(CONTROL_MESSAGE_BYTES_MAX > BUNDLE_BYTES_MAX, 'a bundle and its token fit into one control message')
assert(CONTROL_BODIES_BYTES_MAX > 4 * CONTROL_MESSAGE_BYTES_MAX, 'a node can receive some bundles at once')
assert(CONTROL_PLAIN_MESSAGE_BYTES_MAX < CONTROL_MESSAGE_BYTES_MAX, 'few messages may be large')
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

/** How long a lease that its client releases may finish what is in flight, unless the client says otherwise. */
export const RELEASE_GRACE_MS_DEFAULT = 2_000

/** A drained worker looks this often whether its last answer is delivered. */
export const FAREWELL_LOOK_MS = 5

/** How long a drained worker waits for its client to confirm the farewell, once the kernel has everything that it sent. */
export const FAREWELL_ACK_MS_MAX = 1_000

/** What is kept of an executor's output, for error messages. */
export const EXECUTOR_OUTPUT_BYTES: number = 16 * 1024

/** …and how many lines of it an error message shows. */
export const EXECUTOR_OUTPUT_LINES = 20

/** Largest message between a node and its executor, as it travels. */
export const EXECUTOR_MESSAGE_BYTES_MAX: number = 1024 * 1024

/** Characters of the reason and of the stack with which an executor says that it failed; more are cut off. */
export const EXECUTOR_FAILURE_CHARS_MAX: number = 64 * 1024

/** An executor whose pipe has ended is about to be gone; one that is not after this is killed. */
export const EXECUTOR_GONE_GRACE_MS = 500

/** How long a worker that computes may go on after the clients of all workers of its executor have gone. */
export const EXECUTOR_ORPHANED_MS = 250

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

/** Invocations in flight per worker: each has a slot, and slot numbers travel in immediates. */
export const SLOTS_MAX = 4096

/** Largest input of a function, and largest result. */
export const PAYLOAD_BYTES_MAX: number = 1024 * 1024 * 1024

/** All slots of one worker in one direction; no fabric has a larger window. */
export const WINDOW_BYTES_MAX: number = 2 ** 31

/**
 * How deep objects in a value may be nested. V8 reads a value recursively: on the default stack of a main thread (984 KiB)
 * it can read about 1,600 objects in each other, in a worker thread 6,500. Deeper values are refused by the sender.
 */
export const VALUE_DEPTH_MAX = 1_000

/** Characters that an error's sentence shows of the path to what cannot be sent. */
export const VALUE_PATH_CHARS_MAX = 120

/** Characters of a value that an error's sentence shows. */
export const PRINTED_CHARS_MAX = 1_000

/*
 * What travels of an error that a function has thrown. The rest is left out, so that an error with a large object in a
 * field, or one that refers to itself, is told as well as any other.
 */

/** How deep errors in an error (`cause`, `errors`) travel. */
export const FAILURE_DEPTH_MAX = 8

/** How many errors travel altogether, the outermost first. */
export const FAILURE_ERRORS_MAX = 32

/** How many own fields of each error travel. */
export const FAILURE_FIELDS_MAX = 32

/** Size of the largest field that travels, as encoded. */
export const FAILURE_FIELD_BYTES_MAX: number = 16 * 1024

/** Characters of the name of an error or a field. */
export const FAILURE_NAME_CHARS_MAX = 256

/** Characters of an error's message. */
export const FAILURE_MESSAGE_CHARS_MAX: number = 64 * 1024

/** Characters of an error's stack. */
export const FAILURE_STACK_CHARS_MAX: number = 32 * 1024

// The header of a slot takes less than this.
assert(PAYLOAD_BYTES_MAX + 4096 <= WINDOW_BYTES_MAX, 'a window holds the largest payload')
assert(FAREWELL_ACK_MS_MAX < EXECUTOR_DRAIN_GRACE_MS, 'a worker whose client is silent ends before it is killed')
assert(FAILURE_DEPTH_MAX < VALUE_DEPTH_MAX, 'a failure can be decoded')
assert(EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS, 'a client hears why an executor did not start')
assert(
  KEPT_START_TIMEOUT_MS + EXECUTOR_START_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS,
  'a lease whose kept executor does not start again gets another one in time',
)
assert(MARKED_LOOK_MS * 10 < MARKED_MS_MAX, 'processes that start others are looked for many times')
assert(POOL_REFILL_DELAY_MS < POOL_BUSY_MS_MAX, 'it is looked for an idle core more than once')
assert(POOL_WORKERS_MAX <= POOL_LEASE_WORKERS_MAX, 'an executor of the pool has meters for all of its workers')
assert(BUNDLE_TOUCH_INTERVAL_MS * 2 < BUNDLE_SPARE_MS, 'a bundle in use survives one missed mark')
assert(BUNDLE_BYTES_MAX < BUNDLE_CACHE_BYTES_MAX, 'the cache holds the largest bundle')

/** How often a transaction of the resource manager is tried again when others were faster. */
export const TRANSACTION_ATTEMPTS_MAX = 100

/** When so many nodes in a row turned out to have been leased by others, a resource manager reads what all have free. */
export const PLACEMENT_MISSES_MAX = 8

/** Cores of one node; every core is a worker and has a line in the node's page of meters. */
export const NODE_CORES_MAX = 4_096

/** Memory of one node: 64 TiB. */
export const NODE_MEMORY_MIB_MAX: number = 64 * 1024 * 1024

export const NODES_MAX = 10_000

/** Characters of a node's id. */
export const NODE_ID_CHARS_MAX = 128

/** Fabrics that one node offers, and that one lease accepts. */
export const FABRICS_MAX = 16

/** Labels of one node, and of one lease. */
export const LABELS_MAX = 32

/** Kinds of resources beside cores and memory that one node has, and that one lease asks for. */
export const RESOURCES_MAX = 16

/** Of each of them. An executor is told the numbers of all that it gets, in one variable of its environment. */
export const RESOURCE_COUNT_MAX = 4_096

/** Characters of the name of a label or a resource, and of a label's value. */
export const LABEL_CHARS_MAX = 64

/** Characters of any other name or address in a request to the resource manager. */
export const TEXT_CHARS_MAX = 1_024

/** Cores of one lease. */
export const LEASE_CORES_MAX: number = NODE_CORES_MAX

/** Memory of one lease. */
export const LEASE_MEMORY_MIB_MAX: number = NODE_MEMORY_MIB_MAX

/** Memory of a lease that does not say how much it needs… */
export const LEASE_MEMORY_MIB_DEFAULT = 512

/** …and what it gets beside the windows of its workers, where these would leave less. */
export const LEASE_MEMORY_MIB_BESIDE_WINDOWS = 256

/** Nodes over which one request may be divided. */
export const LEASE_NODES_MAX = 64

/** Requests for leases that may wait at one resource manager. */
export const LEASE_QUEUE_MAX = 4_096

/** How long one may wait. */
export const LEASE_WAIT_MS_MAX: number = 24 * 60 * 60_000

/** While some wait, it is looked this often whether there is room for the first. */
export const LEASE_QUEUE_LOOK_MS = 1_000

/** Highest priority of a lease; the lowest, and the usual one, is 0. */
export const LEASE_PRIORITY_MAX = 1_000

/** Shorter, and it would be over before its executor has started. */
export const LEASE_DURATION_MS_MIN = 100

/** Longer ones must be renewed: cores whose client is gone come back after this at the latest. */
export const LEASE_DURATION_MS_MAX: number = 24 * 60 * 60_000

/** Characters of a tenant's name. */
export const TENANT_CHARS_MAX = 64

/** Leases that a node reports at once: all that it can run, and as many that have just ended. */
export const LEASE_REPORTS_MAX: number = 2 * NODE_CORES_MAX

// A report takes less than this many bytes: an id, nine numbers and an end.
assert(256 * LEASE_REPORTS_MAX < CONTROL_PLAIN_MESSAGE_BYTES_MAX, 'a node can report all of its leases at once')

/** Longest time that what runs under a lease which is taken back may go on. */
export const RETRIEVAL_GRACE_MS_MAX: number = 60 * 60_000

/** How long a lease that makes room for one of a higher priority may still run, unless the manager says otherwise. */
export const PREEMPTION_GRACE_MS = 5_000

/** Characters of the reason that an operator gives for taking something back. */
export const REASON_CHARS_MAX = 256

/** How often a node says that it lives, unless the resource manager is told otherwise. */
export const HEARTBEAT_INTERVAL_MS = 1_000

/** How long a node trusts what it knows of the resource manager's clock more than an answer that took longer to come. */
export const MANAGER_CLOCK_KEPT_MS: number = 60_000

/** How long a node leaves a new lease to its first invocations before it tells the resource manager that it is active. */
export const ACTIVE_REPORT_DELAY_MS = 25

/** A node that is silent for this long is lost, unless the resource manager is told otherwise. */
export const NODE_LOST_AFTER_MS = 3_500

/** How long a lost node stays listed. */
export const NODE_LOST_KEPT_MS: number = 10 * 60_000

/** A lease that ends is closed after this even if its node, which lives, never says that the executor has stopped. */
export const LEASE_TERMINATING_MS_MAX = 15_000

/** How long closed leases can be looked up, and their usage still be corrected by a late report… */
export const CLOSED_LEASE_KEPT_MS: number = 24 * 60 * 60_000

/** …and how many; of more, those that closed first are forgotten. */
export const CLOSED_LEASES_MAX = 1_000

/** They are counted after so many have closed, or when the resource manager wakes up for another reason. */
export const CLOSED_LEASES_SLACK = 100

/** The resource manager looks at the clock at least this often while it waits, for wall clocks are set. */
export const ALARM_SLEEP_MS_MAX = 60_000

/** When the resource manager's work at a deadline fails (the disk is full), it is tried again after this. */
export const ALARM_RETRY_MS = 1_000

assert(NODE_LOST_AFTER_MS > 3 * HEARTBEAT_INTERVAL_MS, 'a node survives two heartbeats that are lost or late')
assert(
  LEASE_TERMINATING_MS_MAX > NODE_LOST_AFTER_MS + EXECUTOR_DRAIN_GRACE_MS + MARKED_MS_MAX,
  'a node has time to stop an executor',
)
// In JSON a character takes six bytes at most; a secret of 32 bytes takes 44 characters and what is around them.
assert(2 * 6 * EXECUTOR_FAILURE_CHARS_MAX < EXECUTOR_MESSAGE_BYTES_MAX, 'an executor can say why it failed')
// A number of a unit takes four digits and a comma; Linux takes no variable of more than 128 KiB.
assert(5 * RESOURCE_COUNT_MAX < 128 * 1024, 'an executor that is told its resources can start processes')
assert(
  48 * NODE_CORES_MAX + RESOURCES_MAX * (5 * RESOURCE_COUNT_MAX + LABEL_CHARS_MAX) < EXECUTOR_MESSAGE_BYTES_MAX * 0.75,
  'the largest executor can be told its secrets and its resources',
)
assert(LEASE_CORES_MAX <= NODE_CORES_MAX && LEASE_MEMORY_MIB_MAX <= NODE_MEMORY_MIB_MAX, 'a lease is on one node')
assert(LEASE_WAIT_MS_MAX < CONTROL_TIMEOUT_MS_MAX, 'a caller can give every wait for a lease a timeout')
assert(LEASE_DURATION_MS_MIN < LEASE_DURATION_MS_MAX, 'there are leases')

/** How long a client waits before it tries again to renew a lease whose manager or node did not answer. */
export const LEASE_RENEW_RETRY_MS = 1_000

/** However little time a lease still has, so long a client waits for an answer to a renewal, and before the next one. */
export const LEASE_RENEW_PATIENCE_MS_MIN = 50

/** How long a client leaves a new lease to its first invocations before it asks the node what becomes of it. */
export const LEASE_LISTEN_DELAY_MS = 10

/**
 * The keeper thread of a client rests before it loads its code, which takes a processor for a tenth of a second and more:
 * most leases are over by then, and a machine whose processors are all in use has them for its calls. It rests for this
 * share of the shortest lease's duration; the first renewal is due after a third.
 */
export const KEEPER_REST_SHARE: number = 1 / 6

/** How long a client that hears from its keeper thread that a lease is over leaves the node to say more of it. */
export const LEASE_NEWS_DELAY_MS = 10

/** How long a client whose worker is gone waits for the node to say why. */
export const LEASE_LOSS_REASON_MS = 1_000

/** Connections to nodes that a cluster keeps open though it has no lease there. */
export const NODE_CLIENTS_IDLE_MAX = 16

/** Immediates that a client takes from one worker in one go: more than a worker with all slots in flight can have sent. */
export const ARRIVALS_PER_LOOK_MAX: number = 2 * SLOTS_MAX

/** How long a synchronous invocation waits for room in its worker's queue, while no result comes, before the worker counts as broken. */
export const SUBMIT_MS_MAX = 10_000

/** How long calls wait for slots that are all reserved, while none of them is in use and none is released. */
export const RESERVED_PATIENCE_MS = 1_000

/** Invocations that wait for a slot, unless the lease says otherwise. */
export const QUEUE_MAX_DEFAULT = 1024

/** How long a program that ends waits for the thread of its local cluster to read nothing more. */
export const LOCAL_HALT_MS_MAX = 500

/** How often the clock of a local cluster looks whether it goes on… */
export const AWAKE_TICK_MS = 200

/** …and how long it must not have looked to take that for a standstill of the whole process. */
export const STANDSTILL_MS_MIN = 500

/** How long a node waits for the answer to a heartbeat; then the resource manager counts as away. */
export const HEARTBEAT_TIMEOUT_MS = 2_000

assert(STANDSTILL_MS_MIN > 2 * AWAKE_TICK_MS, 'a tick that is late is no standstill')
assert(LEASE_LISTEN_DELAY_MS < LEASE_LOSS_REASON_MS, 'a client hears why a worker was lost that was lost at once')
assert(HEARTBEAT_TIMEOUT_MS + HEARTBEAT_INTERVAL_MS < NODE_LOST_AFTER_MS, 'one heartbeat that hangs loses no node')
