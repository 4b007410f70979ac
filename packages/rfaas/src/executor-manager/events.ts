import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { Usage } from '../accounting/usage.ts'
import type { RfaasError } from '../errors.ts'
import type { AllocationEnd, ExecutorStart } from './allocation.ts'
import type { PoolState } from './executors.ts'
import type { KeptState } from './kept-executors.ts'

/** What a node has done or seen. */
export type NodeEvent =
  /** Also after either side has restarted. */
  | { readonly kind: 'registered'; readonly nodeId: string }
  /** The first heartbeat that failed after one that did not; leases run on. */
  | { readonly kind: 'manager-away'; readonly nodeId: string; readonly error: RfaasError }
  | { readonly kind: 'manager-back'; readonly nodeId: string }
  | {
      readonly kind: 'lease-active'
      readonly nodeId: string
      readonly leaseId: string
      readonly startMs: number
      readonly start: ExecutorStart
      /** Why its executor was started for it; null when it was not. */
      readonly coldReason: string | null
    }
  | {
      readonly kind: 'lease-closed'
      readonly nodeId: string
      readonly leaseId: string
      readonly end: AllocationEnd
      readonly usage: Usage
    }
  /** Also when an executor has left the pool, to become that of a lease. */
  | ({ readonly kind: 'pool-changed'; readonly nodeId: string } & PoolState)
  /** An executor is kept of a lease that was released, or one that was is taken or given up. */
  | ({ readonly kind: 'kept-changed'; readonly nodeId: string } & KeptState)
  /** An executor for the pool could not be started, or died; said of the first of a row. Another one is tried later. */
  | { readonly kind: 'pool-failure'; readonly nodeId: string; readonly error: RfaasError }

/** Where every node of this process publishes its {@link NodeEvent}s. */
export const nodeEvents: Channel = channel('rfaas.executor-manager')

/** Publishes what has happened, after the fact; free while nobody listens. */
export function publish(event: NodeEvent): void {
  nodeEvents.publish(event)
}
