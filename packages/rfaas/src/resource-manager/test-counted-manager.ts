import { createRouterTransport, createClient } from '@connectrpc/connect'
import type { Client } from '@connectrpc/connect'
import { DEFAULT_PRICES } from '../accounting/usage.ts'
import { ResourceManagerService } from '../control/gen/rfaas_pb.ts'
import { generateKeys } from '../lease/ed25519.ts'
import { HEARTBEAT_INTERVAL_MS } from '../lease/limits.ts'
import { systemRandomness } from '../randomness.ts'
import { TestClock } from '../test-clock.ts'
import { onManagerEvent } from './events.ts'
import { CLOSED_LEASE_KEPT_MS, NODE_LOST_AFTER_MS, PAGE_ENTRIES, PREEMPTION_GRACE_MS } from './limits.ts'
import { MemoryStore } from './memory-store.ts'
import type { Store } from './store.ts'
import { wireManager } from './wiring.ts'
import type { WiredManager } from './wiring.ts'

const DAY_MS = 24 * 60 * 60_000

/** A resource manager, called in this process, over a store that counts its operations; with nodes and leases. */
export class CountedManager implements AsyncDisposable {
  readonly clock: TestClock = new TestClock()
  readonly memory: MemoryStore = new MemoryStore()
  /** The keys that were read one by one. */
  readonly gets: string[] = []
  lists = 0
  pages = 0
  commits = 0
  /** The nodes that were declared lost. */
  readonly lost: string[] = []
  rpc!: Client<typeof ResourceManagerService>
  readonly #leases = new Map<string, string[]>()
  readonly #stopListening: () => void
  #wired!: WiredManager

  private constructor() {
    this.#stopListening = onManagerEvent((event) => event.kind === 'node-lost' && this.lost.push(event.nodeId))
  }

  /** Nodes `node-0`…, with the leases spread over them; each lease lasts a day. */
  static async start(nodes: number, leases: number): Promise<CountedManager> {
    const manager = new CountedManager()
    await manager.#wire()
    const fabrics = [{ fabric: 'tcp', address: '127.0.0.1' }]
    for (let n = 0; n < nodes; n++) {
      const node = { nodeId: `node-${n}`, cores: 1_000, memoryMib: 1_000, controlUrl: 'http://127.0.0.1:7071', fabrics }
      await manager.rpc.registerNode({ node })
      manager.#leases.set(node.nodeId, [])
    }
    for (let n = 0; n < leases; n++) {
      const nodeId = `node-${n % nodes}`
      const { grants } = await manager.rpc.requestLease({ cores: 1, memoryMib: 1, durationMs: DAY_MS, nodeId })
      manager.#leases.get(nodeId)!.push(grants[0]!.lease!.leaseId)
    }
    await manager.beatAll()
    return manager
  }

  get operations(): number {
    return this.gets.length + this.lists + this.pages + this.commits
  }

  /** Pages that one list of all nodes and one of all leases take. */
  pagesOf(nodes: number, leases: number): number {
    return Math.ceil((nodes + 1) / PAGE_ENTRIES) + Math.ceil((leases + 1) / PAGE_ENTRIES)
  }

  leasesOf(nodeId: string): readonly string[] {
    return this.#leases.get(nodeId)!
  }

  /** One heartbeat of each node with all its leases. */
  async beatAll(but = ''): Promise<void> {
    for (const [nodeId, leaseIds] of this.#leases) {
      if (nodeId === but) continue
      await this.rpc.heartbeat({ nodeId, leases: leaseIds.map((leaseId) => ({ leaseId, usage: {} })) })
    }
  }

  /** Lets time pass, and everything that is due then happen. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    for (let turn = 0; turn < 100; turn++) {
      await new Promise(setImmediate)
      this.clock.advance(0)
    }
  }

  /** Another manager on the same store, after `downMs`. */
  async restart(downMs = 0): Promise<void> {
    await this.#wired.close()
    this.clock.advance(downMs)
    await this.#wire()
    await this.advance(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening()
    await this.#wired.close()
  }

  async #wire(): Promise<void> {
    const keys = await generateKeys()
    this.#wired = wireManager({
      store: this.#counted(),
      clock: this.clock,
      keys,
      randomness: systemRandomness,
      prices: DEFAULT_PRICES,
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      nodeLostAfterMs: NODE_LOST_AFTER_MS,
      preemptionGraceMs: PREEMPTION_GRACE_MS,
      closedLeaseKeptMs: CLOSED_LEASE_KEPT_MS,
    })
    this.rpc = createClient(ResourceManagerService, createRouterTransport(this.#wired.routes))
    await this.advance(0)
  }

  #counted(): Store {
    const { memory } = this
    return {
      get: (key) => {
        this.gets.push(key)
        return memory.get(key)
      },
      list: (prefix) => {
        this.lists++
        return memory.list(prefix)
      },
      page: (...asked) => {
        this.pages++
        return memory.page(...asked)
      },
      commit: (commit) => {
        this.commits++
        return memory.commit(commit)
      },
      foreignCommits: () => memory.foreignCommits(),
      close: () => memory.close(),
    }
  }
}
