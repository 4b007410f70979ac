import { yieldProcessor } from '@rfaas/fabric'

/** Empty polls between two looks at the worker's connection. */
export const POLLS_PER_LOOK = 64

/**
 * Empty polls before a client that spins yields the processor. A hot worker has answered by then, over any fabric; any
 * other may need the processor on which the client polls.
 */
const POLLS_BEFORE_YIELD = 512

/** Empty polls between two yields after that. Both are multiples of POLLS_PER_LOOK. */
const POLLS_PER_YIELD = 256

/** Yields the processor when that is due. Called at each look. @param empty polls in vain so far */
export function yieldWhenDue(empty: number): void {
  if (empty >= POLLS_BEFORE_YIELD && empty % POLLS_PER_YIELD === 0) yieldProcessor()
}
