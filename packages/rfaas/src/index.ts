// The types of `await using`, for programs whose `lib` does not have them. The published types need no @types/node.
/// <reference lib="esnext.disposable" preserve="true" />

export { dieWithParent } from '@rfaas/fabric'

export type { Prices, Usage } from './accounting/usage.ts'
export { Cluster, connect, type ConnectOptions } from './client/cluster.ts'
export type { InvokeOptions, MapOptions } from './client/calls/invoke-options.ts'
export type { Invoker } from './client/calls/invoker.ts'
export { Lease } from './client/lease.ts'
export type { LeaseEventName, LeaseEvents } from './client/lease-events.ts'
export { local, type LocalOptions } from './client/local.ts'
export { Slot, type SlotViewConstructor } from './client/calls/slot.ts'
export type {
  AnyModule,
  Bill,
  Call,
  Calls,
  FabricChoice,
  FunctionNames,
  Inputs,
  LeaseOptions,
  LeasePart,
  LeaseTimings,
  MapCall,
  OutputLine,
  Eaches,
  Maps,
  RawFunctionNames,
  RetrievalNotice,
  SpreadCall,
  SpreadStream,
  StreamCall,
  StreamingCall,
  Streams,
  SyncCalls,
} from './client/types.ts'
export type { CannotTravel } from './client/travels.ts'
export { LeaseEnd, LeaseState, NodeState, type LeaseInfo, type NodeInfo } from './control/gen/rfaas_pb.ts'
export { RfaasError, type ErrorCode } from './errors.ts'
export type { Node, NodeOptions } from './executor-manager/node.ts'
export { raw, type RawFunction } from './functions.ts'
export type { PlacementPolicy } from './lease/lease.ts'
export type { ResourceManager, ResourceManagerOptions } from './resource-manager/manager.ts'
export { startNode, startResourceManager } from './services.ts'
