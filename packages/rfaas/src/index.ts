// The types of `await using`, for programs whose `lib` does not have them. The published types need no @types/node.
/// <reference lib="esnext.disposable" preserve="true" />

export { dieWithParent } from '@rfaas/fabric'

export type { Prices, Usage } from './accounting/usage.ts'
export { Cluster, connect, type ConnectOptions } from './client/cluster.ts'
export type { DeployedFunctions, Deployment, DeployOptions } from './client/deploy/deploy.ts'
export type { ListedFunction } from './client/deploy/functions-of.ts'
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
  LambdaModule,
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
export {
  ParallelLoop,
  type KernelNames,
  type LoopItems,
  type LoopRunOptions,
  type LoopShares,
  type ParallelLoopOptions,
} from './client/parallel/parallel-loop.ts'
export type { CannotTravel } from './client/travels.ts'
export { LeaseEnd, LeaseState, NodeState, type LeaseInfo, type NodeInfo } from './control/gen/rfaas_pb.ts'
export { RfaasError, type ErrorCode } from './errors.ts'
export type { Node, NodeOptions } from './executor-manager/node.ts'
export { raw, rawWithContext, withContext, type Context, type ContextFunction, type RawFunction } from './functions.ts'
export type { FunctionKind } from './kinds.ts'
export type { PlacementPolicy } from './lease/lease.ts'
export type { ResourceManager, ResourceManagerOptions } from './resource-manager/manager.ts'
export { startNode, startResourceManager } from './services.ts'
