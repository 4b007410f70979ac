import { strict as assert } from 'node:assert'

/*
 * Bounds of the control plane: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** Largest functions bundle that a node takes. */
export const BUNDLE_BYTES_MAX: number = 32 * 1024 * 1024

/**
 * Part of a bundle that travels to a resource manager, and from it, in one message. In base64 it has 1 MiB, which every store
 * takes as one value.
 */
export const FUNCTIONS_SLICE_BYTES: number = 768 * 1024

/** Characters of the name of deployed functions. */
export const FUNCTIONS_NAME_CHARS_MAX = 64

/** Functions of one deployed module… */
export const FUNCTIONS_OF_MODULE_MAX = 1_000

/** …and bytes of all their names together, in UTF-8. */
export const FUNCTIONS_OF_MODULE_BYTES_MAX: number = 16 * 1024

/** Versions that a resource manager keeps, of all deployed functions together. */
export const FUNCTIONS_VERSIONS_MAX = 1_024

/** Bytes of a packed bundle that a client sends in one request. */
export const BUNDLE_SLICE_BYTES: number = 8 * 1024 * 1024

/** Files and links of a packed bundle… */
export const BUNDLE_FILES_MAX = 65_536

/** …and size of the manifest that lists them. */
export const BUNDLE_MANIFEST_BYTES_MAX: number = 16 * 1024 * 1024

/** Largest packed bundle that is deployed at a resource manager, with its manifest. */
export const DEPLOYED_BYTES_MAX: number = 512 * 1024 * 1024

/** How long a resource manager may take to verify and register a bundle that was uploaded. */
export const DEPLOY_CALL_TIMEOUT_MS: number = 2 * 60_000

/** Files by which a client and a node find out whether they see the same file system. */
export const SEEN_FILES_MAX = 64

/** Largest message of the control plane: a request with a bundle, or a list of all nodes or leases. */
export const CONTROL_MESSAGE_BYTES_MAX: number = BUNDLE_BYTES_MAX + 1024 * 1024

/** Largest of all other messages. Small, because decoded messages take up to a hundred times as much memory. */
export const CONTROL_PLAIN_MESSAGE_BYTES_MAX: number = 4 * 1024 * 1024

/*
 * Of the next three, one peer may have half.
 */

/** Memory for all large request bodies that a server is receiving at once… */
export const CONTROL_BODIES_BYTES_MAX: number = 256 * 1024 * 1024

/** …not counting this many first bytes of each body. */
export const CONTROL_BODY_FREE_BYTES: number = 64 * 1024

/** How long a request's body may take to arrive… */
export const CONTROL_BODY_TIMEOUT_MS = 60_000

/** …and the first byte on a new connection. */
export const CONTROL_FIRST_BYTE_TIMEOUT_MS = 10_000

/** Connections that a server holds at once; it closes further ones at once. */
export const CONTROL_CONNECTIONS_MAX = 16_384

/** Calls that a server has under way, with its open streams; it refuses further ones at once. */
export const CONTROL_CALLS_MAX = 65_536

/** How long a TCP connection to a control server may take to open. */
export const CONTROL_CONNECT_TIMEOUT_MS = 5_000

/** How long an answer of the control plane may take, unless the caller says otherwise. Streams have no such end. */
export const CONTROL_CALL_TIMEOUT_MS = 30_000

/** Longest timeout that a server sets for a call: the longest timer of Node.js. A call with a longer one has none. */
export const CONTROL_TIMEOUT_MS_MAX: number = 2 ** 31 - 1

/** How often a connection with calls under way is pinged… */
export const CONTROL_PING_INTERVAL_MS = 1_000

/** …and how long a ping may remain without an answer before the connection is given up. */
export const CONTROL_PING_TIMEOUT_MS = 3_000

/** A server probes a connection that was silent for this long, so that vanished machines do not hold streams open. */
export const CONTROL_KEEP_ALIVE_MS = 10_000

/**
 * Memory of one connection, in MB, above which Node.js refuses to read the headers of any call or answer on it: less than what
 * waits to be sent would end whatever else is under way. A client that sends some bundles at once needs as much…
 */
export const CONTROL_CLIENT_SESSION_MB_MAX = 1_024

/** …and a server that answers one client with some large lists. */
export const CONTROL_SERVER_SESSION_MB_MAX = 128

/** How long calls under way may still finish once a control server is closing. */
export const CONTROL_CLOSE_GRACE_MS = 500

assert(CONTROL_MESSAGE_BYTES_MAX > BUNDLE_BYTES_MAX, 'a bundle and its token fit into one control message')
assert(FUNCTIONS_SLICE_BYTES < CONTROL_PLAIN_MESSAGE_BYTES_MAX, 'a slice fits into a small message')
assert(
  // Around each name, and beside the functions of a version, are a few bytes more.
  FUNCTIONS_VERSIONS_MAX * (FUNCTIONS_OF_MODULE_BYTES_MAX + 8 * FUNCTIONS_OF_MODULE_MAX + 1024) <
    CONTROL_MESSAGE_BYTES_MAX,
  'a list of all deployed functions fits into one message',
)
assert(
  BUNDLE_SLICE_BYTES <= BUNDLE_BYTES_MAX && BUNDLE_MANIFEST_BYTES_MAX <= BUNDLE_BYTES_MAX,
  'so does any part of one',
)
assert(DEPLOYED_BYTES_MAX > BUNDLE_BYTES_MAX + BUNDLE_MANIFEST_BYTES_MAX, 'a module leaves room for its packages')
assert(DEPLOYED_BYTES_MAX < 2 ** 32, 'messages have its size in 32 bits')
assert(CONTROL_BODIES_BYTES_MAX > 4 * CONTROL_MESSAGE_BYTES_MAX, 'a node can receive some bundles at once')
assert(CONTROL_SERVER_SESSION_MB_MAX * 1e6 > 3 * CONTROL_MESSAGE_BYTES_MAX, 'some of the largest answers may wait')
assert(CONTROL_BODIES_BYTES_MAX / 2 > CONTROL_MESSAGE_BYTES_MAX, 'each peer can send one')
assert(CONTROL_PLAIN_MESSAGE_BYTES_MAX < CONTROL_MESSAGE_BYTES_MAX, 'few messages may be large')
assert(CONTROL_CONNECT_TIMEOUT_MS < CONTROL_CALL_TIMEOUT_MS, 'an unreachable server is told apart from a slow one')
