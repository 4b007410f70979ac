/** What a client's thread and its keeper thread say to each other. */
import type { MessagePort } from 'node:worker_threads'

import type { ErrorCode } from '../../errors.ts'
import type { LeaseTerms } from './renewals.ts'

/** A lease, and where its manager and its node are. */
export interface AsideLease extends LeaseTerms {
  readonly managerUrl: string
  readonly nodeUrl: string
}

/**
 * Whose turn it is to renew a lease: one shared word per lease. The keeper thread takes the turn once it runs. Whoever
 * renews looks at the word before it tells the node anything, so that there are never two who do.
 */
export const Turn = { CLIENT: 0, KEEPER: 1, NOBODY: 2 } as const

/** What the thread starts with; while it rests, it may be sent another number of milliseconds to rest for at most. */
export interface KeeperThreadData {
  readonly port: MessagePort
  /** How long it leaves the processors to others before it loads its code. */
  readonly restMs: number
}

export type ToKeeperThread =
  | { readonly kind: 'keep'; readonly lease: AsideLease; readonly turn: Int32Array<SharedArrayBuffer> }
  /** The turn is nobody's already: what the thread has of the lease may go. */
  | { readonly kind: 'drop'; readonly leaseId: string }

export type FromKeeperThread =
  /** It runs. */
  | { readonly kind: 'up' }
  /** Sent before the node is shown the token. */
  | { readonly kind: 'token'; readonly leaseId: string; readonly token: string }
  | { readonly kind: 'renewed'; readonly leaseId: string; readonly expiresMs: number }
  | { readonly kind: 'over'; readonly leaseId: string; readonly code: ErrorCode; readonly sentence: string }
