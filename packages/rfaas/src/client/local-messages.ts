/** Messages between local.ts and the thread that it starts. */
import type { ErrorCode } from '../errors.ts'

export type ToLocalThread =
  | { readonly kind: 'close' }
  /**
   * The process exits: the thread stops reading requests, then sets `done` and wakes the main thread, which waits for
   * it.
   */
  | { readonly kind: 'halt'; readonly done: Int32Array<SharedArrayBuffer> }

export type FromLocalThread =
  | { readonly kind: 'up'; readonly url: string }
  | { readonly kind: 'closed' }
  /** The cluster could not start, or could not close. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly sentence: string }
