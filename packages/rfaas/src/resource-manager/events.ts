import { channel } from 'node:diagnostics_channel'
import type { RfaasError } from '../errors.ts'
import type { DeployedVersion } from './functions/records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'

/** What a resource manager has done. */
export type ManagerEvent =
  | { readonly kind: 'node-registered'; readonly node: NodeRecord }
  /** The node deregistered by itself. */
  | { readonly kind: 'node-left'; readonly nodeId: string }
  /** The node sent no heartbeat for too long. Its leases close. */
  | { readonly kind: 'node-lost'; readonly nodeId: string }
  | { readonly kind: 'lease-granted'; readonly lease: LeaseRecord }
  /** The lease is being taken back; it was closed at once when it had not begun to run. */
  | { readonly kind: 'lease-retrieved'; readonly lease: LeaseRecord }
  | { readonly kind: 'lease-closed'; readonly lease: LeaseRecord }
  /** The node takes no new leases, or takes new ones again. */
  | { readonly kind: 'node-draining'; readonly node: NodeRecord }
  /** Functions got a new version. */
  | { readonly kind: 'functions-deployed'; readonly functions: DeployedVersion }
  | { readonly kind: 'functions-undeployed'; readonly functions: readonly DeployedVersion[] }
  /** Work that was due failed; it will be retried. */
  | { readonly kind: 'failure'; readonly error: RfaasError }

const managerChannel = channel('rfaas.resource-manager')

/** Publishes an event after it has happened; costs nothing while nobody listens. */
export function publish(event: ManagerEvent): void {
  managerChannel.publish(event)
}

/** Listens to every resource manager of this process until the returned function is called. */
export function onManagerEvent(listener: (event: ManagerEvent) => void): () => void {
  const subscriber = (event: unknown): void => listener(event as ManagerEvent)
  managerChannel.subscribe(subscriber)
  return () => void managerChannel.unsubscribe(subscriber)
}
