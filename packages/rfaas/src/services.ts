import type { Node, NodeOptions } from './executor-manager/node.ts'
import type { ResourceManager, ResourceManagerOptions } from './resource-manager/manager.ts'

/*
 * Manager and node are imported when they are started: they are half of our code, and a client has no use for them. So
 * a program that only connects starts sooner, and `local()` loads them in its own thread.
 */

/**
 * Starts a resource manager in this process: it knows nodes, grants leases on them and counts what they use. What it
 * does is published on the diagnostics channel `rfaas.resource-manager`.
 *
 * @throws {RfaasError} `invalid_argument` when an option is not valid, or the manager cannot listen there or use
 * `dataPath`
 */
export async function startResourceManager(options: ResourceManagerOptions = {}): Promise<ResourceManager> {
  const manager = await import('./resource-manager/manager.ts')
  return manager.startResourceManager(options)
}

/**
 * Offers cores and memory of this machine: starts an executor manager in this process and registers it. What it does
 * can be followed on the diagnostics channel `rfaas.executor-manager`.
 *
 * @throws {RfaasError} `invalid_argument`, `unsupported`, `manager_unreachable`
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const node = await import('./executor-manager/node.ts')
  return node.startNode(options)
}
