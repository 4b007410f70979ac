import { DEFAULT_PRICES } from '../../packages/rfaas/src/accounting/usage.ts'
import { CLOSED_LEASE_KEPT_MS } from '../../packages/rfaas/src/resource-manager/limits.ts'
import { wireManager } from '../../packages/rfaas/src/resource-manager/wiring.ts'
import { Process } from './host.ts'
import type { Host } from './host.ts'
import { handlersOf } from './network.ts'
import type { Handlers } from './network.ts'
import type { Scene } from './scene.ts'

/** A host with a resource manager: its process crashes and restarts, the store stays. */
export class SimulatedManager {
  readonly url: string
  readonly #scene: Scene
  readonly #host: Host
  #process: Process | null = null

  constructor(scene: Scene, host: Host) {
    this.#scene = scene
    this.#host = host
    this.url = `http://${host.name}:7070`
  }

  start(): void {
    if (this.#process?.isAlive) return
    const { world, network, store, keys, randomness, breaks, intervals } = this.#scene
    world.trace(this.#host.name, () => 'starts')
    const process = new Process(this.#host)
    this.#process = process
    const { routes } = wireManager(
      breaks.manager({
        store: store.viewOf(process),
        clock: process.clock,
        keys,
        randomness,
        prices: DEFAULT_PRICES,
        ...intervals,
        closedLeaseKeptMs: CLOSED_LEASE_KEPT_MS,
      }),
    )
    network.serve(this.url, process, this.#watched(handlersOf(routes)))
  }

  /** Wraps the handlers to observe which nodes the manager hears of. */
  #watched(handlers: Handlers): Handlers {
    const { world, storeInvariants } = this.#scene
    const watched: Handlers = { ...handlers }
    for (const name of ['registerNode', 'heartbeat']) {
      watched[name] = async (request, context) => {
        const cameMs = world.nowMs
        const answer = await handlers[name]!(request, context)
        const { node, nodeId } = request as { node?: { nodeId: string }; nodeId: string }
        if ((answer as { known?: boolean }).known !== false) storeInvariants.heard(node?.nodeId ?? nodeId, cameMs)
        return answer
      }
    }
    return watched
  }

  crash(): void {
    if (!this.#process?.isAlive) return
    this.#scene.world.trace(this.#host.name, () => 'crashes')
    this.#process.kill()
  }
}
