import type { ErrorCode } from '../../errors.ts'

/** What the thread that loads a bundle is started with, and its one message. */
export interface LoadThreadData {
  readonly bundlePath: string
}

export type FromLoadThread =
  | { readonly kind: 'loaded'; readonly functions: { readonly name: string; readonly raw: boolean }[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly sentence: string }
