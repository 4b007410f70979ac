import {
  executorManagerClient,
  managerClient,
  type ExecutorManagerClient,
  type ManagerClient,
} from '../control/client.ts'
import type { LeaseInfo, NodeInfo } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { NODE_CLIENTS_IDLE_MAX } from './limits.ts'
import { Lease } from './lease.ts'
import { openLease } from './leases/open-lease.ts'
import { SharedClients } from './leases/shared-clients.ts'
import type { AnyModule, LeaseOptions } from './types.ts'

export interface ConnectOptions {
  /** The tenant that leases are accounted to. Default `default`. */
  tenant?: string
}

/** A resource manager, and the leases that this program has from it. */
export class Cluster implements AsyncDisposable {
  readonly url: string
  readonly #manager: ManagerClient
  readonly #nodes = new SharedClients<ExecutorManagerClient>(executorManagerClient, NODE_CLIENTS_IDLE_MAX)
  readonly #tenant: string
  readonly #leases = new Set<Lease<never>>()
  readonly #onClose: () => Promise<void>
  #closed: Promise<void> | null = null

  /** @internal */
  constructor(url: string, manager: ManagerClient, tenant: string, onClose: () => Promise<void>) {
    this.url = url
    this.#manager = manager
    this.#tenant = tenant
    this.#onClose = onClose
  }

  /**
   * Leases workers and opens channels to them. `M` is the type of the functions' module:
   * `cluster.lease<typeof import('./pricing.ts')>({ functions: './pricing.ts' })`.
   *
   * @throws {RfaasError} `invalid_argument`, `module_failed`, `lease_denied`, `executor_start_failed`,
   * `manager_unreachable`, `node_unreachable`, `unsupported`, `closed`
   */
  async lease<M = AnyModule>(options: LeaseOptions): Promise<Lease<M>> {
    this.#refuseClosed()
    const context = { manager: this.#manager, managerUrl: this.url, nodes: this.#nodes, tenant: this.#tenant }
    const lease = new Lease<M>(await openLease(context, options))
    if (this.#closed) {
      await lease.release()
      this.#refuseClosed()
    }
    this.#leases.add(lease as Lease<never>)
    void lease.closed.then(() => this.#leases.delete(lease as Lease<never>))
    return lease
  }

  /** All nodes that the resource manager knows. @throws {RfaasError} `manager_unreachable`, `closed` */
  async nodes(): Promise<NodeInfo[]> {
    this.#refuseClosed()
    return (await this.#manager.rpc.listNodes({})).nodes
  }

  /** All leases of all tenants, open ones by default. @throws {RfaasError} `manager_unreachable`, `closed` */
  async leases(options: { includeClosed?: boolean } = {}): Promise<LeaseInfo[]> {
    this.#refuseClosed()
    return (await this.#manager.rpc.listLeases({ includeClosed: options.includeClosed ?? false })).leases
  }

  /** Releases all leases of this program, then lets go of the resource manager. Closing twice is fine. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    // A lease whose manager is gone ends by itself, so a failed release must not fail `close`.
    await Promise.allSettled([...this.#leases].map((lease) => lease.release()))
    this.#manager.close()
    this.#nodes.close()
    await this.#onClose()
  }

  #refuseClosed(): void {
    if (this.#closed) throw new RfaasError('closed', `Cannot use the cluster at ${this.url}: it is closed`)
  }
}

/**
 * Connects to a resource manager.
 *
 * @param url for instance `http://127.0.0.1:7070`
 * @throws {RfaasError} `invalid_argument`, `manager_unreachable`
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Cluster> {
  return connectWith(url, options, () => Promise.resolve())
}

/** @internal */
export async function connectWith(
  url: string,
  options: ConnectOptions,
  onClose: () => Promise<void>,
): Promise<Cluster> {
  const manager = managerClient(url)
  try {
    await manager.rpc.listNodes({})
  } catch (error) {
    manager.close()
    throw error
  }
  return new Cluster(url, manager, options.tenant ?? 'default', onClose)
}
