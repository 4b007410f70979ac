import type { Prices } from '../accounting/usage.ts'
import type { SigningKeys } from '../lease/token.ts'
import type { Clock } from '../clock.ts'
import type { Randomness } from '../randomness.ts'
import type { IndexedStore } from './indexed-store.ts'
import type { LeaseRecord } from './records.ts'

/** What the parts of one resource manager share. Everything else that they know is in the store. */
export interface Context {
  readonly store: IndexedStore
  readonly clock: Clock
  readonly keys: SigningKeys
  readonly randomness: Randomness
  readonly prices: Prices
  readonly heartbeatIntervalMs: number
  readonly nodeLostAfterMs: number
  /** How long what runs may still run that makes room for a higher priority. */
  readonly preemptionGraceMs: number
  /**
   * Since when this manager runs without a break. Nodes cannot have sent heartbeats while there was none, and what they
   * sent while it was stopped is yet to be read: none is lost before its time from here.
   */
  readonly awakeUnixMs: number
  /** Sweeps at this time at the latest. */
  wakeAt(unixMs: number): void
  /** Has the node send a heartbeat now, if it listens to this manager. */
  nudge(nodeId: string): void
  /** Called once for every lease that this manager has closed, after the commit. */
  leaseClosed(lease: LeaseRecord): void
}
