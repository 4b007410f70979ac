import type { NodeParts } from '../../packages/rfaas/src/executor-manager/wiring.ts'
import type { ManagerParts } from '../../packages/rfaas/src/resource-manager/wiring.ts'
import type { Process } from './host.ts'
import type { Handlers } from './network.ts'

/** A bug, made by changing what the real parts stand on or say. */
export interface Break {
  readonly manager: (parts: ManagerParts) => ManagerParts
  readonly managerHandlers: (handlers: Handlers) => Handlers
  readonly node: (parts: NodeParts, process: Process) => NodeParts
  readonly nodeHandlers: (handlers: Handlers) => Handlers
}

export const NO_BREAK: Break = {
  manager: (parts) => parts,
  managerHandlers: (handlers) => handlers,
  node: (parts) => parts,
  nodeHandlers: (handlers) => handlers,
}
