import { usageFromProto } from '../accounting/usage.ts'
import type { LeaseReport as ProtoLeaseReport, NodeInfo, RequestLeaseRequest } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import {
  FABRICS_MAX,
  LEASE_CORES_MAX,
  LEASE_DURATION_MS_MAX,
  LEASE_DURATION_MS_MIN,
  LEASE_MEMORY_MIB_MAX,
  LEASE_REPORTS_MAX,
  NODE_CORES_MAX,
  NODE_ID_CHARS_MAX,
  NODE_MEMORY_MIB_MAX,
  TENANT_CHARS_MAX,
  TEXT_CHARS_MAX,
} from '../limits.ts'
import type { LeaseReport, NodeDescription } from './nodes.ts'
import type { Demand } from './placement.ts'
import { leaseEndFromProto } from './proto.ts'

/*
 * The door: what comes over the wire is checked here, completely, and trusted from here on. Everything throws
 * RfaasError `invalid_argument` with the value that was given.
 */

const FABRICS = ['local', 'tcp', 'verbs']
const DEFAULT_TENANT = 'default'

/** What is asked for, by whom and for how long. */
export interface LeaseDemand extends Demand {
  readonly tenant: string
  readonly durationMs: number
}

export function checkLeaseRequest(request: RequestLeaseRequest): LeaseDemand {
  const action = 'Cannot grant lease'
  const { cores, memoryMib, durationMs, nodeId, fabrics, hostId } = request
  checkRange(action, 'cores', cores, 1, LEASE_CORES_MAX)
  checkRange(action, 'memory_mib', memoryMib, 1, LEASE_MEMORY_MIB_MAX)
  checkDuration(action, durationMs)
  const tenant = request.tenant === '' ? DEFAULT_TENANT : request.tenant
  checkName(action, 'tenant', tenant, TENANT_CHARS_MAX)
  if (nodeId !== '') checkName(action, 'node_id', nodeId, NODE_ID_CHARS_MAX)
  checkLength(action, 'host_id', hostId, TEXT_CHARS_MAX)
  checkFabrics(action, fabrics)
  return { tenant, cores, memoryMib, durationMs, nodeId, fabrics, hostId }
}

export function checkRenewal(leaseId: string, durationMs: number): void {
  checkDuration(`Cannot renew lease ${quote(leaseId)}`, durationMs)
}

export function checkNodeId(action: string, nodeId: string): string {
  checkName(action, 'node_id', nodeId, NODE_ID_CHARS_MAX)
  return nodeId
}

export function checkNode(node: NodeInfo | undefined): NodeDescription {
  if (node === undefined) throw refused('Cannot register node', 'the request describes none')
  const { nodeId, controlUrl, cores, memoryMib, fabrics } = node
  checkNodeId('Cannot register node', nodeId)
  const action = `Cannot register node ${nodeId}`
  checkLength(action, 'control_url', controlUrl, TEXT_CHARS_MAX)
  if (URL.parse(controlUrl)?.protocol !== 'http:')
    throw refused(action, `control_url is ${quote(controlUrl)}, no http URL`)
  checkRange(action, 'cores', cores, 1, NODE_CORES_MAX)
  checkRange(action, 'memory_mib', memoryMib, 1, NODE_MEMORY_MIB_MAX)
  if (fabrics.length === 0) throw refused(action, 'it offers no fabric, so nobody could reach its workers')
  checkFabrics(
    action,
    fabrics.map(({ fabric }) => fabric),
  )
  for (const { fabric, hostId, address } of fabrics) {
    checkLength(action, 'host_id', hostId, TEXT_CHARS_MAX)
    checkLength(action, 'address', address, TEXT_CHARS_MAX)
    if (fabric === 'local' && hostId === '') throw refused(action, 'its offer of local has no host_id')
    if (fabric !== 'local' && address === '') throw refused(action, `its offer of ${fabric} has no address`)
  }
  const offers = fabrics.map(({ fabric, hostId, address }) => ({ fabric, hostId, address }))
  return { nodeId, controlUrl, cores, memoryMib, fabrics: offers }
}

export function checkReports(nodeId: string, reports: readonly ProtoLeaseReport[]): LeaseReport[] {
  const action = `Cannot take the reports of node ${nodeId}`
  checkRange(action, 'their number', reports.length, 0, LEASE_REPORTS_MAX)
  return reports.map(({ leaseId, usage, end }) => {
    checkName(action, 'lease_id', leaseId, TEXT_CHARS_MAX)
    return { leaseId, usage: usageFromProto(usage), end: leaseEndFromProto(end) }
  })
}

function checkDuration(action: string, durationMs: number): void {
  // Written so that NaN is refused.
  if (durationMs >= LEASE_DURATION_MS_MIN && durationMs <= LEASE_DURATION_MS_MAX) return
  throw refused(
    action,
    `duration_ms is ${durationMs}, must be from ${LEASE_DURATION_MS_MIN} to ${LEASE_DURATION_MS_MAX}`,
  )
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

function quote(value: string): string {
  return JSON.stringify(value.length <= 80 ? value : `${value.slice(0, 80)}…`)
}

function refused(action: string, reason: string): RfaasError {
  return new RfaasError('invalid_argument', `${action}: ${reason}`)
}
