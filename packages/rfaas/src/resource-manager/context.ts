import type { Prices } from '../accounting/usage.ts'
import type { SigningKeys } from '../lease/token.ts'
import type { Clock } from '../clock.ts'
import type { Randomness } from '../randomness.ts'
import type { Batcher } from './batcher.ts'
import type { DueIndex } from '../due-index.ts'
import type { IndexedStore } from './indexed-store.ts'
import type { GrantedLease } from './leases.ts'
import type { Liveness } from './liveness.ts'
import type { LeaseRecord } from './records.ts'
import type { LeaseDemand } from './requests.ts'
import type { UsageBook } from './usage-book.ts'

/** State that the parts of one resource manager share. Everything else is in the store. */
export interface Context {
  readonly store: IndexedStore
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly randomness: Randomness
  readonly prices: Prices
  readonly heartbeatIntervalMs: number
  readonly nodeLostAfterMs: number
  /** How long a lease that is taken back for one of a higher priority may still run. */
  readonly preemptionGraceMs: number
  /**
   * Since when this manager runs without a break. Nodes could not send heartbeats while no manager ran, and those sent
   * while it was stopped are still unread: no node is declared lost until `nodeLostAfterMs` from this time.
   */
  readonly awakeUnixMs: number
  /** How long closed leases can be looked up. */
  readonly closedLeaseKeptMs: number
  /** Bytes of all deployed functions. */
  readonly functionsBytesMax: number
  readonly liveness: Liveness
  /** Grants leases, those that are asked for at once together. */
  readonly grants: Batcher<LeaseDemand, GrantedLease[]>
  /** Gives nodes the numbers of their runs. */
  readonly runs: Batcher<null, number>
  readonly usage: UsageBook
  /** What must be looked at, and when; see sweep.ts. */
  readonly dues: DueIndex
  /** Asks the node to send a heartbeat now, if it watches this manager. */
  nudge(nodeId: string): void
  /** Called once for every lease that this manager has closed, after the commit. */
  leaseClosed(lease: LeaseRecord): void
}
