import { strict as assert } from 'node:assert'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { managerClient } from '../control/client.ts'
import type { ManagerClient } from '../control/client.ts'
import type {
  HeartbeatResponse,
  LeaseGrant,
  LeaseInfo,
  LeaseReportSchema,
  NodeInfo,
  NodeInfoSchema,
  RequestLeaseRequestSchema,
  RequestLeaseResponse,
} from '../control/gen/rfaas_pb.ts'
import { onManagerEvent } from './events.ts'
import type { ManagerEvent } from './events.ts'
import { startResourceManager } from './manager.ts'
import type { ResourceManager, ResourceManagerOptions } from './manager.ts'
import { TestClock } from '../test-clock.ts'

type Report = MessageInitShape<typeof LeaseReportSchema>

/**
 * A real resource manager on a free port with a clock that the test moves, and a client of it. The manager's work at a
 * deadline needs no turn of the event loop, so it is done before the next call is answered.
 */
export class TestManager implements AsyncDisposable {
  readonly clock: TestClock
  readonly events: ManagerEvent[] = []
  #manager!: ResourceManager
  #client!: ManagerClient
  readonly #options: ResourceManagerOptions
  readonly #stopListening: () => void

  private constructor(options: ResourceManagerOptions) {
    this.clock = new TestClock()
    this.#options = { port: 0, clock: this.clock, ...options }
    this.#stopListening = onManagerEvent((event) => this.events.push(event))
  }

  static async start(options: ResourceManagerOptions = {}): Promise<TestManager> {
    const manager = new TestManager(options)
    await manager.#start()
    return manager
  }

  async #start(): Promise<void> {
    this.#manager = await startResourceManager(this.#options)
    this.#client = managerClient(this.#manager.url)
  }

  /** Restarts the manager after `downMs`. With `dataPath`, the new one continues with the old one's state. */
  async restart(downMs = 0): Promise<void> {
    this.#client.close()
    await this.#manager.close()
    this.clock.advance(downMs)
    await this.#start()
    // The clock moves only when told to: this triggers what is due at the start.
    this.clock.advance(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening()
    this.#client.close()
    await this.#manager.close()
  }

  get rpc(): ManagerClient['rpc'] {
    return this.#client.rpc
  }

  /** Registers a node with `cores`, 1024 MiB for each core, reached over tcp. */
  async addNode(nodeId: string, cores: number, rest: MessageInitShape<typeof NodeInfoSchema> = {}): Promise<void> {
    const description = {
      nodeId,
      cores,
      memoryMib: cores * 1024,
      controlUrl: 'http://127.0.0.1:7071',
      fabrics: [{ fabric: 'tcp', address: '127.0.0.1' }],
    }
    await this.rpc.registerNode({ node: { ...description, ...rest } })
  }

  /** Requests a lease: one core, 512 MiB, ten seconds, on any node. */
  async lease(
    rest: MessageInitShape<typeof RequestLeaseRequestSchema> = {},
  ): Promise<LeaseGrant & { lease: LeaseInfo; leaseId: string; nowUnixMs: number }> {
    const { grants, nowUnixMs } = await this.leases(rest)
    const [grant] = grants as [LeaseGrant & { lease: LeaseInfo }]
    return { ...grant, leaseId: grant.lease.leaseId, nowUnixMs }
  }

  /** As `lease`, for requests that may get several leases. */
  async leases(rest: MessageInitShape<typeof RequestLeaseRequestSchema> = {}): Promise<RequestLeaseResponse> {
    return this.rpc.requestLease({ cores: 1, memoryMib: 512, durationMs: 10_000, ...rest })
  }

  async heartbeat(nodeId: string, ...leases: Report[]): Promise<HeartbeatResponse> {
    return this.rpc.heartbeat({ nodeId, leases })
  }

  /** Lets time pass while these nodes send their heartbeats. */
  async advance(ms: number, ...nodeIds: string[]): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.clock.advance(Math.min(left, 1000))
      for (const nodeId of nodeIds) await this.heartbeat(nodeId)
    }
  }

  /** The lease, open or closed. */
  async find(leaseId: string): Promise<LeaseInfo> {
    const { leases } = await this.rpc.listLeases({ includeClosed: true })
    const lease = leases.find((lease) => lease.leaseId === leaseId)
    assert.ok(lease, `${leaseId} is not listed`)
    return lease
  }

  async node(nodeId: string): Promise<NodeInfo> {
    const { nodes } = await this.rpc.listNodes({})
    const node = nodes.find((node) => node.nodeId === nodeId)
    assert.ok(node, `${nodeId} is not listed`)
    return node
  }

  async coresFree(nodeId: string): Promise<number> {
    return (await this.node(nodeId)).coresFree
  }

  /** How many `lease-closed` events were published for the lease. */
  timesClosed(leaseId: string): number {
    return this.events.filter((event) => event.kind === 'lease-closed' && event.lease.leaseId === leaseId).length
  }
}
