import { executorManagerClient, managerClient } from '../control/client.ts'
import type { LeaseInfo, NodeInfo } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { refuseWhileLoading } from '../loading.ts'
import {
  deployFunctions,
  fromProto,
  undeployFunctions,
  type DeployedFunctions,
  type Deployment,
  type DeployOptions,
} from './deploy/deploy.ts'
import { NODE_CLIENTS_IDLE_MAX } from './limits.ts'
import { Lease } from './lease.ts'
import { openLease } from './leases/open-lease.ts'
import { SharedClients } from './leases/shared-clients.ts'
import type { AnyModule, LeaseOptions } from './types.ts'
import { callerOf } from './unreleased/caller.ts'
import { LeaseUse } from './unreleased/lease-use.ts'
import { unreleasedWatch } from './unreleased/unreleased.ts'
import type { Holder, Unreleased } from './unreleased/unreleased-watch.ts'

export interface ConnectOptions {
  /** The tenant that leases are accounted to. Default `default`. */
  tenant?: string
}

/** What a cluster has besides its connections: the manager and the node of `local()`. @internal */
export interface ClusterOwner {
  /** Where the program has called `local()`. */
  readonly place: string
  close(): Promise<void>
  ref(): void
  unref(): void
}

/** A resource manager, and the leases that this program has from it. */
export class Cluster implements AsyncDisposable {
  readonly url: string
  readonly #manager: ReturnType<typeof managerClient>
  readonly #nodes = new SharedClients(executorManagerClient, NODE_CLIENTS_IDLE_MAX)
  readonly #distantNodes = new Set<string>()
  readonly #tenant: string
  readonly #leases = new Map<Lease<never>, LeaseUse>()
  readonly #owner: ClusterOwner | null
  readonly #holder: Holder
  /** Calls that were made, and those that are under way. */
  #calls = 0
  #pending = 0
  #closed: Promise<void> | null = null

  /** @internal */
  constructor(url: string, manager: ReturnType<typeof managerClient>, tenant: string, owner: ClusterOwner | null) {
    this.url = url
    this.#manager = manager
    this.#tenant = tenant
    this.#owner = owner
    this.#holder = this.#asHolder()
    unreleasedWatch.add(this.#holder)
  }

  /**
   * Leases workers and opens channels to them. `M` is the type of the functions' module:
   * `cluster.lease<typeof import('./pricing.ts')>({ functions: './pricing.ts' })`.
   *
   * @throws {RfaasError} `invalid_argument`, `module_failed`, `lease_denied`, `executor_start_failed`,
   * `manager_unreachable`, `node_unreachable`, `unsupported`, `closed`; what the option `setup` throws
   */
  async lease<M = AnyModule>(options: LeaseOptions<M>): Promise<Lease<M>> {
    this.#refuseClosed()
    refuseWhileLoading('lease')
    const context = {
      manager: this.#manager,
      managerUrl: this.url,
      nodes: this.#nodes,
      tenant: this.#tenant,
      distantNodes: this.#distantNodes,
    }
    const use = new LeaseUse(callerOf(this.lease))
    const opened = await this.#during(openLease(context, options))
    const lease: Lease<M> = new Lease<M>(opened, use, () => this.#leases.delete(lease as Lease<never>))
    // From now on, closing the cluster releases it.
    this.#leases.set(lease as Lease<never>, use)
    try {
      await this.#during(lease.begin(options.signal))
    } catch (error) {
      await lease.release({ graceMs: 0 }).catch(() => {})
      this.#refuseClosed()
      throw error
    }
    if (this.#closed) {
      await lease.release()
      this.#refuseClosed()
    }
    return lease
  }

  /** All nodes that the resource manager knows. @throws {RfaasError} `manager_unreachable`, `closed` */
  async nodes(): Promise<NodeInfo[]> {
    this.#refuseClosed()
    return (await this.#during(this.#manager.rpc.listNodes({}))).nodes
  }

  /** All leases of all tenants, open ones by default. @throws {RfaasError} `manager_unreachable`, `closed` */
  async leases(options: { includeClosed?: boolean } = {}): Promise<LeaseInfo[]> {
    this.#refuseClosed()
    const { includeClosed = false } = options
    return (await this.#during(this.#manager.rpc.listLeases({ includeClosed }))).leases
  }

  /**
   * Bundles a module, with the packages and files that it loads, and registers it at the resource manager under a name, with
   * the next version: `cluster.lease({ functions: 'pricing@2' })` uses it from any program. The module is loaded once in a
   * thread of this program, to see which functions it has. When the newest version of this name has the same bytes, nothing
   * changes, and that version is returned.
   *
   * @param path of the module, or of a folder with a `package.json` with `main`, or with an `index.ts` or `index.js`;
   * relative to the current directory; or a `file:` URL
   * @throws {RfaasError} `invalid_argument`, `module_failed`, `registry_full`, `manager_unreachable`, `closed`
   */
  async deploy(path: string | URL, options: DeployOptions): Promise<Deployment> {
    this.#refuseClosed()
    refuseWhileLoading('deploy')
    return this.#during(deployFunctions(this.#manager, path, options))
  }

  /** All deployed functions, by name and version. @throws {RfaasError} `manager_unreachable`, `closed` */
  async functions(): Promise<DeployedFunctions[]> {
    this.#refuseClosed()
    return (await this.#during(this.#manager.rpc.listFunctions({}))).functions.map((each) => fromProto(each))
  }

  /**
   * Removes deployed functions: `'pricing@2'` one version, `'pricing'` all. Leases that use them go on.
   *
   * @returns what was removed
   * @throws {RfaasError} `not_found`, `invalid_argument`, `manager_unreachable`, `closed`
   */
  async undeploy(functions: string): Promise<DeployedFunctions[]> {
    this.#refuseClosed()
    return this.#during(undeployFunctions(this.#manager, functions))
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
    unreleasedWatch.delete(this.#holder)
    // A lease whose manager is gone ends by itself, so a failed release must not fail `close`.
    await Promise.allSettled([...this.#leases.keys()].map((lease) => lease.release()))
    this.#manager.close()
    this.#nodes.close()
    await this.#owner?.close()
  }

  async #during<T>(call: Promise<T>): Promise<T> {
    this.#calls++
    this.#pending++
    try {
      return await call
    } finally {
      this.#pending--
    }
  }

  #asHolder(): Holder {
    const uses = this.#leases
    return {
      unreleased: () => this.#unreleased(),
      activity: () => [...uses.values()].reduce((sum, { calls }) => sum + calls.activity, this.#calls),
      isInUse: () => this.#pending > 0 || [...uses.values()].some(({ isInUse }) => isInUse),
      ref: () => this.#setRef('ref'),
      unref: () => this.#setRef('unref'),
    }
  }

  #unreleased(): Unreleased | null {
    for (const [{ id }, { place }] of this.#leases) return { name: `Lease ${id}`, place, remedy: 'lease.release()' }
    if (this.#owner === null) return null
    return { name: 'The cluster of local()', place: this.#owner.place, remedy: 'cluster.close()' }
  }

  #setRef(how: 'ref' | 'unref'): void {
    this.#manager[how]()
    this.#nodes.each((client) => client[how]())
    this.#owner?.[how]()
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
  return connectWith(url, options, null)
}

/** @internal */
export async function connectWith(url: string, options: ConnectOptions, owner: ClusterOwner | null): Promise<Cluster> {
  const manager = managerClient(url)
  try {
    // Only whether it answers.
    await manager.rpc.listNodes({ limit: 1 })
  } catch (error) {
    manager.close()
    throw error
  }
  return new Cluster(url, manager, options.tenant ?? 'default', owner)
}
