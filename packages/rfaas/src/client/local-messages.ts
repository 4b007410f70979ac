/** What local.ts and the thread that it starts say to each other. */
import type { ErrorCode } from '../errors.ts'

export interface ToLocalThread {
  readonly kind: 'close'
}

export type FromLocalThread =
  | { readonly kind: 'up'; readonly url: string }
  | { readonly kind: 'closed' }
  /** It could not start, or not close. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly sentence: string }
