import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'
import type { RfaasError } from '../errors.ts'
import type { FabricChoice, RetrievalNotice } from './types.ts'

/** What a client has done or seen. */
export type ClientEvent = FabricChosen | LeaseRetrieved | LeaseReplaced | LeasePartLost | LocalClusterLost

/** How it reaches the workers of a new lease, and why by none of the better fabrics. */
export interface FabricChosen {
  readonly kind: 'fabric-chosen'
  readonly nodeId: string
  readonly fabric: FabricChoice
  readonly address: string
  /** It was asked for, so that nothing else was possible. */
  readonly asked: boolean
  readonly passedOver: readonly { readonly fabric: FabricChoice; readonly reason: string }[]
}

/** One of its leases is taken back. */
export interface LeaseRetrieved extends RetrievalNotice {
  readonly kind: 'lease-retrieved'
  readonly leaseId: string
  readonly nodeId: string
}

/** One of its leases goes on with another one in its place. */
export interface LeaseReplaced {
  readonly kind: 'lease-replaced'
  readonly leaseId: string
  readonly nodeId: string
  readonly formerLeaseId: string
  /** Why the former one is over, or about to be. */
  readonly reason: RfaasError
}

/** One of its leases goes on with what it has on other nodes. */
export interface LeasePartLost {
  readonly kind: 'lease-part-lost'
  readonly leaseId: string
  readonly nodeId: string
  readonly reason: RfaasError
  /** Workers that are left. */
  readonly cores: number
}

/** The thread with the manager and the node of a `local()` cluster has failed: its leases end, and there are no new ones. */
export interface LocalClusterLost {
  readonly kind: 'local-cluster-lost'
  readonly url: string
  readonly reason: RfaasError
}

/** Where the clients of this process publish their {@link ClientEvent}s. */
export const clientEvents: Channel = channel('rfaas.client')
