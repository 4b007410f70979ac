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
