import type { DescEnum } from '@bufbuild/protobuf'
import { LeaseEnd, LeaseEndSchema, LeaseStateSchema, NodeStateSchema } from '../control/gen/rfaas_pb.ts'
import type { LeaseState, NodeState } from '../control/gen/rfaas_pb.ts'

/** `ready`, `draining` or `lost`. */
export function nameOfNodeState(state: NodeState): string {
  return nameOf(NodeStateSchema, state)
}

/** `active`, `closed` and so on. */
export function nameOfLeaseState(state: LeaseState): string {
  return nameOf(LeaseStateSchema, state)
}

/** `released`, `node_lost` and so on; empty while the lease is open. */
export function nameOfLeaseEnd(end: LeaseEnd): string {
  return end === LeaseEnd.UNSPECIFIED ? '' : nameOf(LeaseEndSchema, end)
}

/** The name in the .proto, without its prefix. A newer manager may know values that we do not. */
function nameOf(schema: DescEnum, value: number): string {
  return schema.value[value]?.localName.toLowerCase() ?? `unknown (${value})`
}
