/** Messages between a client's thread and its keeper thread. */
import type { ErrorCode } from '../../errors.ts'
import type { LeaseTerms } from './renewals.ts'

/** A lease, with the URLs of its manager and its node. */
export interface AsideLease extends LeaseTerms {
  readonly managerUrl: string
  readonly nodeUrl: string
}

/**
 * Which thread renews a lease: one shared word per lease. The keeper thread takes the turn once it runs. A thread
 * checks the word before it tells the node anything, so that two threads never renew at once.
 */
export const Turn = { CLIENT: 0, KEEPER: 1, NOBODY: 2 } as const

export type ToKeeperThread =
  | { readonly kind: 'keep'; readonly lease: AsideLease; readonly turn: Int32Array<SharedArrayBuffer> }
  /** The turn is already NOBODY: the thread can drop its state of the lease. */
  | { readonly kind: 'drop'; readonly leaseId: string }

export type FromKeeperThread =
  /** The thread runs. */
  | { readonly kind: 'up' }
  /** Sent before the node is shown the token. */
  | { readonly kind: 'token'; readonly leaseId: string; readonly token: string }
  | { readonly kind: 'renewed'; readonly leaseId: string; readonly expiresMs: number }
  | { readonly kind: 'over'; readonly leaseId: string; readonly code: ErrorCode; readonly sentence: string }
