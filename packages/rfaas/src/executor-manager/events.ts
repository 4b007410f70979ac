import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { Usage } from '../accounting/usage.ts'
import type { RfaasError } from '../errors.ts'
import type { AllocationEnd } from './allocation.ts'

/** What a node has done or seen. */
export type NodeEvent =
  /** Also after either side has restarted. */
  | { readonly kind: 'registered'; readonly nodeId: string }
  /** The first heartbeat that failed after one that did not; leases run on. */
  | { readonly kind: 'manager-away'; readonly nodeId: string; readonly error: RfaasError }
  | { readonly kind: 'manager-back'; readonly nodeId: string }
  | { readonly kind: 'lease-active'; readonly nodeId: string; readonly leaseId: string; readonly startMs: number }
  | {
      readonly kind: 'lease-closed'
      readonly nodeId: string
      readonly leaseId: string
      readonly end: AllocationEnd
      readonly usage: Usage
    }

/** Where every node of this process publishes its {@link NodeEvent}s. */
export const nodeEvents: Channel = channel('rfaas.executor-manager')

/** Publishes what has happened, after the fact; free while nobody listens. */
export function publish(event: NodeEvent): void {
  nodeEvents.publish(event)
}
