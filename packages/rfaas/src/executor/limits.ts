import { strict as assert } from 'node:assert'

import {
  ENVIRONMENT_BYTES_MAX,
  LABEL_CHARS_MAX,
  NODE_CORES_MAX,
  RESOURCES_MAX,
  RESOURCE_COUNT_MAX,
} from '../lease/limits.ts'

/*
 * Bounds of an executor: one constant each, the unit last in its name.
 * Relations between them are asserted at the end, so that a change to one of them cannot silently break another.
 */

/** How often a drained worker checks whether its last answer is delivered. */
export const FAREWELL_LOOK_MS = 5

/** Largest encoded message between a node and its executor. */
export const EXECUTOR_MESSAGE_BYTES_MAX: number = 1024 * 1024

/** Characters of the reason, and of the stack, in an executor's `failed` message; more are cut off. */
export const EXECUTOR_FAILURE_CHARS_MAX: number = 64 * 1024

/** Characters of the reason, and of the stack, in an executor's `worker-ended` message; more are cut off. */
export const WORKER_END_CHARS_MAX: number = 4 * 1024

/** How long a worker that is ended may take, in native code that does not return; then its executor ends. */
export const WORKER_END_MS_MAX = 1_000

/** What a worker has printed and its supervisor has not taken yet; more is dropped. */
export const WORKER_OUTPUT_BYTES_MAX: number = 256 * 1024

/** How long a worker that computes may go on after the clients of all workers of its executor have gone. */
export const EXECUTOR_ORPHANED_MS = 250

// In JSON a character takes six bytes at most; a secret of 32 bytes takes 44 characters, its quotes and a comma.
assert(2 * 6 * EXECUTOR_FAILURE_CHARS_MAX < EXECUTOR_MESSAGE_BYTES_MAX, 'an executor can say why it failed')
// They are written at once, and so read at once.
assert(2 * 6 * WORKER_END_CHARS_MAX + 256 <= 64 * 1024, 'an executor can say in one chunk why a worker ended')
assert(
  48 * NODE_CORES_MAX + RESOURCES_MAX * (5 * RESOURCE_COUNT_MAX + LABEL_CHARS_MAX) + 6 * ENVIRONMENT_BYTES_MAX <
    EXECUTOR_MESSAGE_BYTES_MAX,
  'the largest executor can be told its secrets, its resources and its environment',
)
