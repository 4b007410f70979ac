import { create } from '@bufbuild/protobuf'
import { cost, usageToProto } from '../accounting/usage.ts'
import type { Prices } from '../accounting/usage.ts'
import {
  LeaseEnd as ProtoLeaseEnd,
  LeaseInfoSchema,
  LeaseState as ProtoLeaseState,
  NodeInfoSchema,
  NodeState,
  RetrievalSchema,
} from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo, NodeInfo, Retrieval } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import type { LeaseEnd, LeaseState } from '../lease/lease.ts'
import { NO_RESOURCES } from '../lease/resources.ts'
import { capacityOf, isAlive } from './records.ts'
import type { LeaseRecord, NodeRecord, PoolRecord } from './records.ts'

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
  if (found === undefined) throw new RfaasError('invalid_argument', `Cannot end a lease: unknown reason ${proto}`)
  return found[0] as LeaseEnd
}

export function leaseToProto(lease: LeaseRecord, prices: Prices): LeaseInfo {
  const { leaseId, nodeId, tenant, cores, memoryMib, priority, grantedUnixMs, expiresUnixMs, closedUnixMs } = lease
  const { usage } = lease
  return create(LeaseInfoSchema, {
    leaseId,
    nodeId,
    tenant,
    cores,
    memoryMib,
    priority,
    state: STATES[lease.state],
    end: lease.end === null ? ProtoLeaseEnd.UNSPECIFIED : ENDS[lease.end],
    grantedUnixMs,
    expiresUnixMs,
    closedUnixMs,
    fence: BigInt(lease.fence),
    usage: usageToProto(usage),
    cost: cost(usage, prices),
    resources: lease.resources,
    endMessage: lease.endMessage,
  })
}

export function retrievalToProto({ leaseId, expiresUnixMs, endMessage }: LeaseRecord, nowUnixMs: number): Retrieval {
  // Sent as remaining time, because the node's clock may differ.
  return create(RetrievalSchema, { leaseId, graceMs: Math.max(0, expiresUnixMs - nowUnixMs), message: endMessage })
}

/** A lost node has nothing to lease. */
const NOTHING_FREE = { coresFree: 0, memoryMibFree: 0, resourcesFree: NO_RESOURCES }

export function nodeToProto(node: NodeRecord, heartbeatUnixMs: number, pool: PoolRecord | null = null): NodeInfo {
  const { nodeId, controlUrl, cores, memoryMib, resources, labels, fabrics } = node
  const { coresFree, memoryMibFree, resourcesFree } = isAlive(node) ? capacityOf(node) : NOTHING_FREE
  return create(NodeInfoSchema, {
    nodeId,
    controlUrl,
    cores,
    memoryMib,
    resources,
    coresFree,
    memoryMibFree,
    resourcesFree,
    labels,
    fabrics: [...fabrics],
    state: stateOf(node),
    drainReason: node.drainReason ?? '',
    lastHeartbeatUnixMs: heartbeatUnixMs,
    // A lost node is shown without ready executors: none is known to run.
    ...(pool === null ? {} : { pool: isAlive(node) ? pool : { ...pool, ready: 0, memoryMib: 0 } }),
  })
}

function stateOf(node: NodeRecord): NodeState {
  if (!isAlive(node)) return NodeState.LOST
  return node.drainReason === null ? NodeState.READY : NodeState.DRAINING
}
