import { SECRET_BYTES } from '@rfaas/fabric'

import type { AllocateResponse, LeaseInfo, NodeInfo, RequestLeaseResponse } from '../../control/gen/rfaas_pb.ts'
import { RfaasError } from '../../errors.ts'

/** A grant with everything that a lease needs. */
export interface CheckedGrant {
  readonly lease: LeaseInfo
  readonly node: NodeInfo
  readonly token: string
}

/**
 * Checks what a manager answers before anything is built on it: the server may be broken, or no manager of rfaas.
 *
 * @throws {RfaasError} `manager_unreachable` when no lease can be made of the answer
 */
export function checkGrants({ grants, nowUnixMs }: RequestLeaseResponse): CheckedGrant[] {
  const refuse = (reason: string): never => {
    throw new RfaasError('manager_unreachable', `Cannot use the answer of the resource manager: ${reason}`)
  }
  if (grants.length === 0) refuse('it grants no lease and gives no reason')
  if (!Number.isFinite(nowUnixMs)) refuse(`its time is ${nowUnixMs}`)
  return grants.map(({ lease, node, token }) => {
    if (lease === undefined || node === undefined) return refuse('a grant has no lease or no node')
    if (lease.leaseId === '' || lease.cores < 1) return refuse('a lease has no id or no cores')
    if (!Number.isFinite(lease.expiresUnixMs)) return refuse(`a lease expires at ${lease.expiresUnixMs}`)
    if (URL.parse(node.controlUrl)?.protocol !== 'http:') return refuse(`a node's URL is '${node.controlUrl}'`)
    return { lease, node, token }
  })
}

/**
 * Checks what a node answers to an allocation.
 *
 * @throws {RfaasError} `node_unreachable` when its workers cannot be used
 */
export function checkAllocated(allocated: AllocateResponse, whom: string): AllocateResponse {
  const { workers, functions } = allocated
  const refuse = (reason: string): never => {
    throw new RfaasError('node_unreachable', `Cannot use the answer of the node: ${whom} has ${reason}`)
  }
  if (workers.length === 0) refuse('no workers')
  const odd = workers.find(({ secret }) => secret.byteLength !== SECRET_BYTES)
  if (odd !== undefined) refuse(`a worker with a secret of ${odd.secret.byteLength} bytes, not ${SECRET_BYTES}`)
  const names = new Set(functions.map(({ name }) => name))
  if (names.size !== functions.length) refuse('two functions of one name')
  return allocated
}
