import { channel } from 'node:diagnostics_channel'
import type { RfaasError } from '../errors.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'

/** What a resource manager has done. */
export type ManagerEvent =
  | { readonly kind: 'node-registered'; readonly node: NodeRecord }
  /** Deregistered, in good order. */
  | { readonly kind: 'node-left'; readonly nodeId: string }
  /** No heartbeat for too long. Its leases close. */
  | { readonly kind: 'node-lost'; readonly nodeId: string }
  | { readonly kind: 'lease-granted'; readonly lease: LeaseRecord }
  /** It is taken back; closed at once when it had not begun to run. */
  | { readonly kind: 'lease-retrieved'; readonly lease: LeaseRecord }
  | { readonly kind: 'lease-closed'; readonly lease: LeaseRecord }
  /** It takes no new leases, or new ones again. */
  | { readonly kind: 'node-draining'; readonly node: NodeRecord }
  /** Work at a deadline failed; it will be tried again. */
  | { readonly kind: 'failure'; readonly error: RfaasError }

const managerChannel = channel('rfaas.resource-manager')

/** Publishes what has happened, after the fact; free while nobody listens. */
export function publish(event: ManagerEvent): void {
  managerChannel.publish(event)
}

/** Listens to every resource manager of this process, until the function that it gives is called. */
export function onManagerEvent(listener: (event: ManagerEvent) => void): () => void {
  const subscriber = (event: unknown): void => listener(event as ManagerEvent)
  managerChannel.subscribe(subscriber)
  return () => void managerChannel.unsubscribe(subscriber)
}
