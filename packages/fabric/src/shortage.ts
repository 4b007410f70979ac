/**
 * The delay before a retry of what failed for lack of descriptors or memory; nothing notifies us when there are some
 * again. Short enough that a waiting peer is not lost, long enough to cost nothing.
 */
export const RETRY_MS = 50
