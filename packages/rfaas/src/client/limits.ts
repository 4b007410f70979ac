import { strict as assert } from 'node:assert'

import { CONTROL_TIMEOUT_MS_MAX } from '../control/limits.ts'
import { LEASE_WAIT_MS_MAX } from '../lease/limits.ts'
import { SLOTS_MAX } from '../protocol/limits.ts'

/*
 * Bounds of a client: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** Bundles that a client keeps, not to make them again for the next lease. */
export const BUNDLES_KEPT_MAX = 8

/** How long a lease that its client releases may finish what is in flight, unless the client says otherwise. */
export const RELEASE_GRACE_MS_DEFAULT = 2_000

/** …and what it gets beside the windows of its workers, where these would leave less. */
export const LEASE_MEMORY_MIB_BESIDE_WINDOWS = 256

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

assert(LEASE_WAIT_MS_MAX < CONTROL_TIMEOUT_MS_MAX, 'a caller can give every wait for a lease a timeout')
assert(STANDSTILL_MS_MIN > 2 * AWAKE_TICK_MS, 'a tick that is late is no standstill')
assert(LEASE_LISTEN_DELAY_MS < LEASE_LOSS_REASON_MS, 'a client hears why a worker was lost that was lost at once')
