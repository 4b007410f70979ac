import { strict as assert } from 'node:assert'

import { CONTROL_TIMEOUT_MS_MAX } from '../control/limits.ts'
import { LEASE_WAIT_MS_MAX } from '../lease/limits.ts'
import { SLOTS_MAX } from '../protocol/limits.ts'

/*
 * Bounds of a client: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** Bundles that a client caches, so that the next lease of the same functions need not make them again. */
export const BUNDLES_KEPT_MAX = 8

/** How long a module that is deployed may take to load. */
export const DEPLOY_LOAD_MS_MAX = 30_000
/** Files whose SHA-256 a client keeps, so that it need not read a package again that has not changed. */
export const HASHES_KEPT_MAX = 65_536

/** Longest `timeoutMs` of an invocation: no timer of Node.js runs longer. */
export const INVOKE_TIMEOUT_MS_MAX: number = 2 ** 31 - 1

/** Default grace of a release: how long invocations in flight may still run. */
export const RELEASE_GRACE_MS_DEFAULT = 2_000

/**
 * Memory that a lease gets by default in addition to the windows of its workers, when LEASE_MEMORY_MIB_DEFAULT would
 * leave less.
 */
export const LEASE_MEMORY_MIB_BESIDE_WINDOWS = 256

/** How long a client waits before it tries again to renew a lease whose manager or node did not answer. */
export const LEASE_RENEW_RETRY_MS = 1_000

/** Lower bound of the timeout of a renewal and of the pause before the next one when a lease has little time left. */
export const LEASE_RENEW_PATIENCE_MS_MIN = 50

/** How long a client leaves a new lease to its first invocations before it begins to watch the lease at the node. */
export const LEASE_LISTEN_DELAY_MS = 10

/**
 * How long the keeper thread of a client rests before it loads its code, as a share of the shortest lease's duration.
 * Loading takes a processor for a tenth of a second and more: most leases are over by then, and a machine whose
 * processors are all in use has them for its calls. The first renewal is due after a third of the duration.
 */
export const KEEPER_REST_SHARE: number = 1 / 6

/** How long a client whose keeper thread reports the end of a lease waits for a more precise reason from the node. */
export const LEASE_NEWS_DELAY_MS = 10

/**
 * Default of how long a function may go on after its caller has given up; then its worker is ended and started again.
 */
export const ABANDON_GRACE_MS_DEFAULT = 1_000

/** How long a client that lost a worker waits for the node to give the reason. */
export const LEASE_LOSS_REASON_MS = 3_000

/** Connections to nodes that a cluster keeps open though it has no lease there. */
export const NODE_CLIENTS_IDLE_MAX = 16

/**
 * Immediates that a client takes from one worker at once: more than a worker with all slots in flight can have sent.
 */
export const ARRIVALS_PER_LOOK_MAX: number = 2 * SLOTS_MAX

/**
 * How long a synchronous invocation waits for room in its worker's queue, while no result comes, before the worker
 * counts as broken.
 */
export const SUBMIT_MS_MAX = 10_000

/**
 * How long calls wait while all slots are reserved, none of them is in use and none is released; then they are refused.
 */
export const RESERVED_PATIENCE_MS = 1_000

/** Invocations that may wait for a slot, unless the lease says otherwise. */
export const QUEUE_MAX_DEFAULT = 1024

/** How often a client looks whether its program is over but for what it has not released… */
export const UNRELEASED_LOOK_MS = 2_500

/** …after how many looks without a call it asks whether the process has other work… */
export const UNRELEASED_QUIET_LOOKS = 2

/** …and after how many more, at most, it asks again. */
export const UNRELEASED_PROBE_LOOKS_MAX = 12

/** How long an exiting program waits for the thread of its local cluster to stop reading requests. */
export const LOCAL_HALT_MS_MAX = 500

/** How long the end of a lease waits for the last lines that its functions have printed. */
export const LEASE_LAST_OUTPUT_MS = 500

/** Output of functions of `local()` that the program has not taken yet; more is dropped. */
export const LOCAL_OUTPUT_BYTES_MAX: number = 1024 * 1024

/** How often the clock of a local cluster ticks… */
export const AWAKE_TICK_MS = 200

/** …and the gap between two of its readings above which the whole process counts as having stood still. */
export const STANDSTILL_MS_MIN = 500

assert(LEASE_WAIT_MS_MAX < CONTROL_TIMEOUT_MS_MAX, 'a caller can give every wait for a lease a timeout')
assert(STANDSTILL_MS_MIN > 2 * AWAKE_TICK_MS, 'a tick that is late is no standstill')
assert(LEASE_LISTEN_DELAY_MS < LEASE_LOSS_REASON_MS, 'a client hears why a worker was lost that was lost at once')
