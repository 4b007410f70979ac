/** What local.ts and the thread that it starts say to each other. */
import type { ErrorCode } from '../errors.ts'

export type ToLocalThread =
  | { readonly kind: 'close' }
  /** The process ends: the thread is to read nothing more, and then sets the word, which somebody waits for. */
  | { readonly kind: 'halt'; readonly done: Int32Array<SharedArrayBuffer> }

export type FromLocalThread =
  | { readonly kind: 'up'; readonly url: string }
  | { readonly kind: 'closed' }
  /** It could not start, or not close. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly sentence: string }
