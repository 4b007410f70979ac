import { NativePolicy } from '../../packages/rfaas/src/executor-manager/native-policy.ts'
import { ResourceManagerService } from '../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import type { HeartbeatResponse, RegisterNodeResponse } from '../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import { wireNode } from '../../packages/rfaas/src/executor-manager/wiring.ts'
import type { WiredNode } from '../../packages/rfaas/src/executor-manager/wiring.ts'
import { executorsOf } from './executor.ts'
import type { SimulatedExecutor } from './executor.ts'
import type { NodeFacts } from './facts.ts'
import { Process } from './host.ts'
import type { Host } from './host.ts'
import { FENCES_GROW } from './invariants.ts'
import { importKey, payloadOf } from './keys.ts'
import { handlersOf } from './network.ts'
import type { Handlers } from './network.ts'
import type { Scene } from './scene.ts'

/** How long a node waits after a failed join. */
const JOIN_RETRY_MS = 300

/** A host with a node: its process crashes and restarts. */
export class SimulatedNode {
  readonly facts: NodeFacts
  readonly url: string
  readonly #scene: Scene
  readonly #host: Host
  #process: Process | null = null
  #wired: WiredNode | null = null
  #hasJoined = false
  #isLeaving = false

  constructor(scene: Scene, host: Host, cores: number) {
    this.#scene = scene
    this.#host = host
    this.url = `http://${host.name}:7071`
    this.facts = {
      nodeId: host.name,
      host,
      cores,
      heardMs: -Infinity,
      clockErrorMs: null,
      isDrained: false,
      hasLeft: false,
    }
    scene.facts.nodes.set(host.name, this.facts)
  }

  /** Whether the node serves and is not leaving. */
  get isSettled(): boolean {
    return this.isUp && this.#hasJoined && !this.#isLeaving
  }

  get isUp(): boolean {
    return this.#process?.isAlive === true
  }

  start(): void {
    if (this.isUp) return
    const { world, network, executors, breaks } = this.#scene
    world.trace(this.#host.name, () => 'starts')
    const process = new Process(this.#host)
    this.#process = process
    this.#hasJoined = false
    this.#isLeaving = false
    this.facts.clockErrorMs = null
    const manager = network.client(
      process,
      ResourceManagerService,
      this.#scene.managerUrl(),
      'manager_unreachable',
      (method, _, answer, askedMs) => this.#heard(method, answer, askedMs),
    )
    const wired = wireNode(
      breaks.node(
        {
          manager,
          machine: {
            nodeId: this.#host.name,
            cores: this.facts.cores,
            memoryMib: this.facts.cores * 1024,
            resources: { disk: this.facts.cores },
            labels: {},
            keepWarmMsMax: 0,
            // Bundles are no files here.
            native: new NativePolicy(true),
            offers: [{ fabric: 'tcp', hostId: '', address: '10.0.0.1' }],
          },
          clock: process.clock,
          randomness: this.#scene.randomness,
          importPublicKey: importKey,
          // Clients use the lease id as the name of their bundle, so that an executor knows its lease.
          bundles: {
            has: async () => true,
            put: async () => {},
            begin: async () => true,
            append: async () => true,
            pin: async (path) => ({ path, release: () => {} }),
          },
          pool: executorsOf(() => executors.make(process)),
          findFormer: () => Promise.reject(new Error('No two nodes have one name here')),
          availableMemoryMib: () => Infinity,
        },
        process,
      ),
    )
    this.#wired = wired
    network.serve(this.url, process, this.#watched(handlersOf(wired.routes)))
    void this.#join(process, wired)
  }

  crash(): void {
    if (!this.isUp) return
    this.#scene.world.trace(this.#host.name, () => 'crashes')
    this.#process!.kill()
  }

  /** Ends the process in good order. */
  async leave(): Promise<void> {
    if (!this.isUp) return
    const process = this.#process!
    this.#scene.world.trace(this.#host.name, () => 'leaves')
    this.facts.hasLeft = true
    this.#isLeaving = true
    await this.#wired!.leave()
    process.kill()
  }

  async #join(process: Process, wired: WiredNode): Promise<void> {
    for (;;) {
      try {
        await wired.join(this.url)
        if (process === this.#process) this.#hasJoined = true
        return
      } catch {
        await process.sleep(JOIN_RETRY_MS)
      }
    }
  }

  #heard(method: string, answer: unknown, askedMs: number): void {
    const { world } = this.#scene
    if (method !== 'registerNode' && method !== 'heartbeat') return
    const { nowUnixMs } = answer as RegisterNodeResponse | HeartbeatResponse
    // The first answer bounds the error: during a run, the node replaces its estimate only by a better one.
    if (nowUnixMs > 0) this.facts.clockErrorMs ??= (world.nowMs - askedMs) / 2
    if (method !== 'heartbeat') return
    const { closedLeaseIds, retrievals } = answer as HeartbeatResponse
    for (const leaseId of closedLeaseIds) {
      for (const executor of this.#runningOf(leaseId)) executor.isToldToStop = true
    }
    for (const { leaseId, graceMs } of retrievals) {
      for (const executor of this.#runningOf(leaseId)) {
        executor.stopMs = Math.min(executor.stopMs ?? Infinity, world.nowMs + graceMs)
      }
    }
  }

  #runningOf(leaseId: string): SimulatedExecutor[] {
    const executors = this.#scene.facts.leases.get(leaseId)?.executors ?? []
    return executors.filter(({ isGone, node }) => !isGone && node === this.#process)
  }

  /** Wraps the handlers to observe the tokens that the node accepts. */
  #watched(handlers: Handlers): Handlers {
    const { facts } = this.#scene
    const fences = new Map<string, number>()
    const watched: Handlers = { ...handlers }
    for (const name of ['allocate', 'extend', 'deallocate']) {
      watched[name] = async (request, context) => {
        const token = claimsOf((request as { token: string }).token)
        if (token === null) return handlers[name]!(request, context)
        const { leaseId, fence, expiresUnixMs } = token
        const fenceBefore = fences.get(leaseId) ?? 0
        const lease = facts.leases.get(leaseId)
        if (lease && name === 'allocate') lease.nodeExpiresUnixMs = Math.max(lease.nodeExpiresUnixMs, expiresUnixMs)
        const answer = await handlers[name]!(request, context)
        if (fence < fenceBefore) {
          facts.fail(FENCES_GROW, `${this.url} took ${fence} of ${leaseId} after ${fenceBefore}, to ${name}`)
        }
        fences.set(leaseId, Math.max(fences.get(leaseId) ?? 0, fence))
        if (lease && name === 'extend') lease.nodeExpiresUnixMs = Math.max(lease.nodeExpiresUnixMs, expiresUnixMs)
        return answer
      }
    }
    return watched
  }
}

/** The claims of a token, whoever signed it; null when it has none. */
function claimsOf(token: string): { leaseId: string; fence: number; expiresUnixMs: number } | null {
  try {
    const { sub, fence, exp } = JSON.parse(payloadOf(token)) as { sub: string; fence: number; exp: number }
    return { leaseId: sub, fence, expiresUnixMs: exp * 1000 }
  } catch {
    return null
  }
}
