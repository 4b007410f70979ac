import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { Usage } from '../accounting/usage.ts'
import type { RfaasError } from '../errors.ts'
import type { WorkerEndCode } from '../executor/messages.ts'
import type { AllocationEnd, ExecutorStart } from './allocation.ts'
import type { PoolState } from './executors.ts'
import type { KeptState } from './kept-executors.ts'

/** What a node has done or seen. */
export type NodeEvent =
  /** Also published after the node or the manager has restarted. */
  | { readonly kind: 'registered'; readonly nodeId: string }
  /** The first heartbeat that failed after a successful one; leases run on. */
  | { readonly kind: 'manager-away'; readonly nodeId: string; readonly error: RfaasError }
  | { readonly kind: 'manager-back'; readonly nodeId: string }
  /** The manager had taken the node for lost, and another one has its name now: its leases are over. */
  | { readonly kind: 'replaced'; readonly nodeId: string; readonly error: RfaasError }
  | {
      readonly kind: 'lease-active'
      readonly nodeId: string
      readonly leaseId: string
      readonly startMs: number
      readonly start: ExecutorStart
      /** Why a new executor was started for the lease; null when a ready or kept one was used. */
      readonly coldReason: string | null
    }
  | {
      readonly kind: 'lease-closed'
      readonly nodeId: string
      readonly leaseId: string
      readonly end: AllocationEnd
      readonly usage: Usage
    }
  /**
   * A worker of a lease has ended: `reason` says why, and comes from a tenant. Another one takes its place, unless
   * it has ended with its executor, which an update of the lease has replaced.
   */
  | {
      readonly kind: 'worker-ended'
      readonly nodeId: string
      readonly leaseId: string
      readonly worker: number
      readonly code: WorkerEndCode | 'executor_lost'
      readonly reason: string
    }
  /** A worker that had ended can be reached again. */
  | { readonly kind: 'worker-restarted'; readonly nodeId: string; readonly leaseId: string; readonly worker: number }
  /** A line that functions of a lease have printed, on standard output or standard error; from a tenant. */
  | {
      readonly kind: 'output'
      readonly nodeId: string
      readonly leaseId: string
      readonly line: string
      /** Whether the client of the lease reads it, too. */
      readonly isRead: boolean
    }
  /** Also published when a lease takes an executor from the pool. */
  | ({ readonly kind: 'pool-changed'; readonly nodeId: string } & PoolState)
  /** The executor of a released lease was kept, or a kept executor was taken or ended. */
  | ({ readonly kind: 'kept-changed'; readonly nodeId: string } & KeptState)
  /**
   * An executor for the pool could not be started, or died. Published for the first failure in a row; the pool retries.
   */
  | { readonly kind: 'pool-failure'; readonly nodeId: string; readonly error: RfaasError }

/** Where every node of this process publishes its {@link NodeEvent}s. */
export const nodeEvents: Channel = channel('rfaas.executor-manager')

/** Publishes an event after it has happened; costs nothing while nobody listens. */
export function publish(event: NodeEvent): void {
  nodeEvents.publish(event)
}
