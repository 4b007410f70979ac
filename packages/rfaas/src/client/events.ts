import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { RfaasError } from '../errors.ts'
import type { FabricChoice, RetrievalNotice } from './types.ts'

/** What a client has done or seen. */
export type ClientEvent =
  FabricChosen | LeaseRetrieved | LeaseReplaced | LeasePartLost | WorkerRestarted | LocalClusterLost

/** The fabric over which the client reaches the workers of a new lease, and why it uses none of the better ones. */
export interface FabricChosen {
  readonly kind: 'fabric-chosen'
  readonly nodeId: string
  readonly fabric: FabricChoice
  readonly address: string
  /** The lease asked for this fabric, so no other was possible. */
  readonly asked: boolean
  readonly passedOver: readonly { readonly fabric: FabricChoice; readonly reason: string }[]
}

/** A lease of the client is being retrieved. */
export interface LeaseRetrieved extends RetrievalNotice {
  readonly kind: 'lease-retrieved'
  readonly leaseId: string
  readonly nodeId: string
}

/** A lease of the client was replaced by another one. */
export interface LeaseReplaced {
  readonly kind: 'lease-replaced'
  readonly leaseId: string
  readonly nodeId: string
  readonly formerLeaseId: string
  /** Why the former lease has ended or is about to end. */
  readonly reason: RfaasError
}

/** A lease of the client continues with its parts on other nodes. */
export interface LeasePartLost {
  readonly kind: 'lease-part-lost'
  readonly leaseId: string
  readonly nodeId: string
  readonly reason: RfaasError
  /** Workers that the lease still has. */
  readonly cores: number
}

/** A worker of a lease had ended, and takes invocations again. */
export interface WorkerRestarted {
  readonly kind: 'worker-restarted'
  readonly leaseId: string
  readonly nodeId: string
  readonly worker: number
  /** Why it had ended. */
  readonly reason: RfaasError
}

/**
 * The thread with the manager and the node of a `local()` cluster has failed: its leases end, and no new ones can be
 * granted.
 */
export interface LocalClusterLost {
  readonly kind: 'local-cluster-lost'
  readonly url: string
  readonly reason: RfaasError
}

/** Where the clients of this process publish their {@link ClientEvent}s. */
export const clientEvents: Channel = channel('rfaas.client')
