import { usageFromProto } from '../accounting/usage.ts'
import { PlacementPolicy as ProtoPlacementPolicy } from '../control/gen/rfaas_pb.ts'
import type {
  LeaseReport as ProtoLeaseReport,
  NodeInfo,
  PoolInfo,
  RequestLeaseRequest,
} from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { labelsProblem, resourcesProblem } from '../lease/labels.ts'
import type { Labels } from '../lease/labels.ts'
import type { PlacementPolicy } from '../lease/lease.ts'
import type { Resources } from '../lease/resources.ts'
import {
  FABRICS_MAX,
  LEASE_CORES_MAX,
  LEASE_DURATION_MS_MAX,
  LEASE_DURATION_MS_MIN,
  LEASE_MEMORY_MIB_MAX,
  LEASE_NODES_MAX,
  LEASE_PRIORITY_MAX,
  LEASE_REPORTS_MAX,
  LEASE_WAIT_MS_MAX,
  NODE_CORES_MAX,
  NODE_ID_CHARS_MAX,
  NODE_MEMORY_MIB_MAX,
  RETRIEVAL_GRACE_MS_MAX,
} from '../lease/limits.ts'
import { REASON_CHARS_MAX, REQUEST_ID_CHARS_MAX, TENANT_CHARS_MAX, TEXT_CHARS_MAX } from './limits.ts'
import type { LeaseReport, NodeDescription } from './nodes.ts'
import { isOfHost, type Demand } from './fit.ts'
import { leaseEndFromProto } from './proto.ts'
import type { PoolRecord } from './records.ts'
import type { Notice } from './retrieval.ts'

/*
 * Input checks: requests from the wire are checked here, completely, and trusted afterwards. Every check throws
 * RfaasError `invalid_argument` with the value that was given.
 */

const FABRICS = ['local', 'tcp', 'verbs', 'threads']
const DEFAULT_TENANT = 'default'

/** A checked lease request: what is asked for, by which tenant and for how long. */
export interface LeaseDemand extends Demand {
  readonly tenant: string
  readonly durationMs: number
  /** Waiting requests of the highest priority come first. */
  readonly priority: number
  /** Whether leases of a lower priority are taken back to make room while the request waits. */
  readonly preempts: boolean
  /** Equal for requests that are the same one, sent again; empty: none is. */
  readonly requestId: string
}

export function checkLeaseRequest(request: RequestLeaseRequest | undefined): LeaseDemand {
  const action = 'Cannot grant lease'
  if (request === undefined) throw refused(action, 'the request is empty')
  const { cores, memoryMib, resources, labels, durationMs, nodeId, fabrics, hostId, priority } = request
  const { avoidNodeIds, preempts, requestId } = request
  const coresMin = request.coresMin === 0 ? cores : request.coresMin
  const nodesMax = request.nodesMax === 0 ? 1 : request.nodesMax
  checkRange(action, 'priority', priority, 0, LEASE_PRIORITY_MAX)
  checkRange(action, 'cores', cores, 1, LEASE_CORES_MAX)
  checkRange(action, 'cores_min', coresMin, 1, cores)
  checkRange(action, 'nodes_max', nodesMax, 1, LEASE_NODES_MAX)
  checkRange(action, 'memory_mib', memoryMib, 1, LEASE_MEMORY_MIB_MAX)
  checkDuration(action, durationMs)
  const tenant = request.tenant === '' ? DEFAULT_TENANT : request.tenant
  checkName(action, 'tenant', tenant, TENANT_CHARS_MAX)
  if (nodeId !== '') checkName(action, 'node_id', nodeId, NODE_ID_CHARS_MAX)
  if (requestId !== '') checkName(action, 'request_id', requestId, REQUEST_ID_CHARS_MAX)
  checkRange(action, 'the number of avoid_node_ids', avoidNodeIds.length, 0, LEASE_NODES_MAX)
  for (const avoided of avoidNodeIds) checkName(action, 'avoid_node_ids', avoided, NODE_ID_CHARS_MAX)
  checkLength(action, 'host_id', hostId, TEXT_CHARS_MAX)
  checkFabrics(action, fabrics)
  checkTraits(action, labels, resources)
  const policy = policyFromProto(action, request.policy)
  return {
    tenant,
    cores,
    coresMin,
    memoryMib,
    resources,
    labels,
    durationMs,
    nodeId,
    fabrics,
    hostId,
    policy,
    priority,
    avoidNodeIds,
    nodesMax,
    preempts,
    requestId,
  }
}

export function checkWait(waitMs: number): void {
  checkMs('Cannot wait for a lease', 'wait_ms', waitMs, 0, LEASE_WAIT_MS_MAX)
}

export function checkRenewal(leaseId: string, durationMs: number): void {
  checkDuration(`Cannot renew lease ${quote(leaseId)}`, durationMs)
}

export function checkNotice(action: string, graceMs: number, reason: string): Notice {
  checkMs(action, 'grace_ms', graceMs, 0, RETRIEVAL_GRACE_MS_MAX)
  checkLength(action, 'reason', reason, REASON_CHARS_MAX)
  // The reason is printed into tables and logs.
  if (/\p{Cc}/u.test(reason)) throw refused(action, `reason is ${quote(reason)}, must be one line of text`)
  return { graceMs, message: reason === '' ? 'no reason was given' : reason }
}

export function checkNodeId(action: string, nodeId: string): string {
  checkName(action, 'node_id', nodeId, NODE_ID_CHARS_MAX)
  return nodeId
}

export function checkNode(node: NodeInfo | undefined, run: number): NodeDescription {
  if (node === undefined) throw refused('Cannot register node', 'the request has no description of it')
  const { nodeId, controlUrl, cores, memoryMib, resources, labels, fabrics } = node
  checkNodeId('Cannot register node', nodeId)
  const action = `Cannot register node ${nodeId}`
  checkLength(action, 'control_url', controlUrl, TEXT_CHARS_MAX)
  if (URL.parse(controlUrl)?.protocol !== 'http:')
    throw refused(action, `control_url is ${quote(controlUrl)}, must be an http URL`)
  checkRange(action, 'cores', cores, 1, NODE_CORES_MAX)
  checkRange(action, 'memory_mib', memoryMib, 1, NODE_MEMORY_MIB_MAX)
  if (fabrics.length === 0) throw refused(action, 'it offers no fabric, so no client could reach its workers')
  checkFabrics(
    action,
    fabrics.map(({ fabric }) => fabric),
  )
  for (const { fabric, hostId, address } of fabrics) {
    checkLength(action, 'host_id', hostId, TEXT_CHARS_MAX)
    checkLength(action, 'address', address, TEXT_CHARS_MAX)
    if (isOfHost(fabric) && hostId === '') throw refused(action, `its offer of ${fabric} has no host_id`)
    if (!isOfHost(fabric) && address === '') throw refused(action, `its offer of ${fabric} has no address`)
  }
  const offers = fabrics.map(({ fabric, hostId, address }) => ({ fabric, hostId, address }))
  checkTraits(action, labels, resources)
  return { nodeId, run, controlUrl, cores, memoryMib, resources, labels, fabrics: offers }
}

export function checkReports(nodeId: string, reports: readonly ProtoLeaseReport[]): LeaseReport[] {
  const action = `Cannot take the reports of node ${nodeId}`
  checkRange(action, 'their number', reports.length, 0, LEASE_REPORTS_MAX)
  return reports.map(({ leaseId, usage, end }) => {
    checkName(action, 'lease_id', leaseId, TEXT_CHARS_MAX)
    return { leaseId, usage: usageFromProto(usage), end: leaseEndFromProto(end) }
  })
}

/** Needs no checks: all are unsigned numbers, and are only displayed. */
export function checkPool(pool: PoolInfo | undefined): PoolRecord | null {
  return pool === undefined ? null : { size: pool.size, ready: pool.ready, memoryMib: pool.memoryMib }
}

function checkDuration(action: string, durationMs: number): void {
  checkMs(action, 'duration_ms', durationMs, LEASE_DURATION_MS_MIN, LEASE_DURATION_MS_MAX)
}

function checkMs(action: string, name: string, value: number, min: number, max: number): void {
  // Written so that NaN is refused.
  if (value >= min && value <= max) return
  throw refused(action, `${name} is ${value}, must be from ${min} to ${max}`)
}

function checkRange(action: string, name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  throw refused(action, `${name} is ${value}, must be a whole number from ${min} to ${max}`)
}

function checkFabrics(action: string, fabrics: readonly string[]): void {
  checkRange(action, 'the number of fabrics', fabrics.length, 0, FABRICS_MAX)
  for (const fabric of fabrics) {
    if (!FABRICS.includes(fabric))
      throw refused(action, `fabric is ${quote(fabric)}, must be one of ${FABRICS.join(', ')}`)
  }
}

function checkTraits(action: string, labels: Labels, resources: Resources): void {
  const problem = labelsProblem(labels) ?? resourcesProblem(resources)
  if (problem !== null) throw refused(action, problem)
}

function policyFromProto(action: string, policy: ProtoPlacementPolicy): PlacementPolicy {
  switch (policy) {
    case ProtoPlacementPolicy.UNSPECIFIED:
    case ProtoPlacementPolicy.PACK:
      return 'pack'
    case ProtoPlacementPolicy.SPREAD:
      return 'spread'
    // Unknown enum values, of later versions, arrive as plain numbers.
    default:
      throw refused(action, `policy is ${String(policy)}, no policy that is known`)
  }
}

/** Names are printed into tables and logs. */
function checkName(action: string, name: string, value: string, charsMax: number): void {
  checkLength(action, name, value, charsMax)
  if (!/^[\p{L}\p{N}._:@-]+$/u.test(value)) {
    throw refused(action, `${name} is ${quote(value)}, must be of letters, digits and . _ : @ -`)
  }
}

function checkLength(action: string, name: string, value: string, charsMax: number): void {
  if (value.length <= charsMax) return
  throw refused(action, `${name} is ${quote(value)}, ${value.length} characters long, at most ${charsMax} are allowed`)
}

export function quote(value: string): string {
  return JSON.stringify(value.length <= 80 ? value : `${value.slice(0, 80)}…`)
}

function refused(action: string, reason: string): RfaasError {
  return new RfaasError('invalid_argument', `${action}: ${reason}`)
}
