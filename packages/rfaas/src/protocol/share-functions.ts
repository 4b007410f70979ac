/**
 * The functions by which a client shares data with the workers of a node. Their numbers begin at SHARE_FUNCTION_FIRST, far
 * behind those of any module. `begin` and `put` bring the data to one worker, in memory that threads share; `take`
 * waits, at the other workers of the node, for `give` of the first.
 */
export const SHARE_FUNCTIONS = ['begin', 'put', 'take', 'give'] as const

export const SHARE_FUNCTION_FIRST: number = 2 ** 29

export type ShareFunction = (typeof SHARE_FUNCTIONS)[number]

/** Characters of the name of shared data. */
export const SHARE_NAME_CHARS_MAX = 128

/** Bytes of a message of `put` beside the data. */
export const SHARE_OVERHEAD_BYTES = 1024
