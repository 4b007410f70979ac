/**
 * How soon to try again what failed for lack of descriptors or memory. Nothing tells when there are some again: often
 * enough that a peer which waits is not lost, seldom enough to cost nothing.
 */
export const RETRY_MS = 50
