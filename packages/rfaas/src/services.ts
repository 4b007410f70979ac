import type { Node, NodeOptions } from './executor-manager/node.ts'
import type { ResourceManager, ResourceManagerOptions } from './resource-manager/manager.ts'

/*
 * What a client has no use for is loaded by those who do: it is half of our code. A program that only connects starts
 * sooner, and `local()` loads it in its own thread.
 */

/**
 * Starts a resource manager in this process: it knows nodes, grants leases on them and counts what they use. What it
 * does is published on the diagnostics channel `rfaas.resource-manager`.
 *
 * @throws {RfaasError} `invalid_argument` when an option is not valid, it cannot listen there, or not use `dataPath`
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
