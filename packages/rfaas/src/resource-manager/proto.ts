import { create } from '@bufbuild/protobuf'
import { cost, usageToProto } from '../accounting/usage.ts'
import type { Prices } from '../accounting/usage.ts'
import {
  LeaseEnd as ProtoLeaseEnd,
  LeaseInfoSchema,
  LeaseState as ProtoLeaseState,
  NodeInfoSchema,
  NodeState,
} from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo, NodeInfo } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import type { LeaseEnd, LeaseState } from '../lease/lease.ts'
import { coresFree, isReady, memoryMibFree } from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'

const STATES: Record<LeaseState, ProtoLeaseState> = {
  requested: ProtoLeaseState.REQUESTED,
  granted: ProtoLeaseState.GRANTED,
  active: ProtoLeaseState.ACTIVE,
  terminating: ProtoLeaseState.TERMINATING,
  closed: ProtoLeaseState.CLOSED,
}

const ENDS: Record<LeaseEnd, ProtoLeaseEnd> = {
  released: ProtoLeaseEnd.RELEASED,
  expired: ProtoLeaseEnd.EXPIRED,
  retrieved: ProtoLeaseEnd.RETRIEVED,
  node_lost: ProtoLeaseEnd.NODE_LOST,
  executor_crashed: ProtoLeaseEnd.EXECUTOR_CRASHED,
  denied: ProtoLeaseEnd.DENIED,
}

/**
 * @returns null while the lease runs
 * @throws {RfaasError} `invalid_argument`
 */
export function leaseEndFromProto(proto: ProtoLeaseEnd): LeaseEnd | null {
  if (proto === ProtoLeaseEnd.UNSPECIFIED) return null
  const found = Object.entries(ENDS).find(([, value]) => value === proto)
  if (found === undefined) throw new RfaasError('invalid_argument', `Cannot end a lease: ${proto} is no known end`)
  return found[0] as LeaseEnd
}

export function leaseToProto(lease: LeaseRecord, prices: Prices): LeaseInfo {
  const { leaseId, nodeId, tenant, cores, memoryMib, grantedUnixMs, expiresUnixMs, closedUnixMs, usage } = lease
  return create(LeaseInfoSchema, {
    leaseId,
    nodeId,
    tenant,
    cores,
    memoryMib,
    state: STATES[lease.state],
    end: lease.end === null ? ProtoLeaseEnd.UNSPECIFIED : ENDS[lease.end],
    grantedUnixMs,
    expiresUnixMs,
    closedUnixMs,
    fence: BigInt(lease.fence),
    usage: usageToProto(usage),
    cost: cost(usage, prices),
  })
}

export function nodeToProto(node: NodeRecord, heartbeatUnixMs: number): NodeInfo {
  const { nodeId, controlUrl, cores, memoryMib, fabrics } = node
  return create(NodeInfoSchema, {
    nodeId,
    controlUrl,
    cores,
    memoryMib,
    // Nothing of a lost node can be leased.
    coresFree: isReady(node) ? coresFree(node) : 0,
    memoryMibFree: isReady(node) ? memoryMibFree(node) : 0,
    fabrics: [...fabrics],
    state: isReady(node) ? NodeState.READY : NodeState.LOST,
    lastHeartbeatUnixMs: heartbeatUnixMs,
  })
}
