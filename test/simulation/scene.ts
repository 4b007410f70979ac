import type { SigningKeys } from '../../packages/rfaas/src/lease/token.ts'
import { HEARTBEAT_INTERVAL_MS } from '../../packages/rfaas/src/lease/limits.ts'
import { NODE_LOST_AFTER_MS } from '../../packages/rfaas/src/resource-manager/limits.ts'
import type { ManagerParts } from '../../packages/rfaas/src/resource-manager/wiring.ts'
import type { Randomness } from '../../packages/rfaas/src/randomness.ts'
import type { Break } from './breaks.ts'
import { SimulatedClient } from './client.ts'
import { ExecutorFloor } from './executor-floor.ts'
import { Facts } from './facts.ts'
import { Host } from './host.ts'
import { makeKeys } from './keys.ts'
import { SimulatedManager } from './manager.ts'
import { Network } from './network.ts'
import { NodeInvariants } from './node-invariants.ts'
import { SimulatedNode } from './node.ts'
import { SharedStore } from './shared-store.ts'
import { StoreInvariants } from './store-invariants.ts'
import type { World } from './world.ts'

/** Largest difference between the clocks of two managers… */
const MANAGERS_SKEW_MS_MAX = 50

/** …and largest clock error of all other hosts. */
const SKEW_MS_MAX = 3_600_000

/** The drift of a good quartz; a run is too short for more to matter. */
const DRIFT_MAX = 50e-6

/** Everything in one run. */
export class Scene {
  readonly world: World
  readonly breaks: Break
  readonly intervals: Pick<ManagerParts, 'heartbeatIntervalMs' | 'nodeLostAfterMs' | 'preemptionGraceMs'>
  readonly facts = new Facts()
  readonly keys: SigningKeys = makeKeys('the key of the manager')
  readonly randomness: Randomness
  readonly network: Network
  readonly store: SharedStore
  readonly executors: ExecutorFloor
  readonly hosts: Host[] = []
  readonly managers: SimulatedManager[] = []
  readonly nodes: SimulatedNode[] = []
  readonly clients: SimulatedClient[] = []
  readonly storeInvariants: StoreInvariants
  readonly nodeInvariants: NodeInvariants

  constructor(world: World, breaks: Break) {
    this.world = world
    this.breaks = breaks
    const { random } = world
    this.randomness = {
      bytes: (count) => random.bytes(count),
      uuid: () => Buffer.from(random.bytes(16)).toString('hex'),
    }
    this.intervals = {
      heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
      nodeLostAfterMs: NODE_LOST_AFTER_MS,
      preemptionGraceMs: random.pick([0, 300, 2000]),
    }
    const isRough = random.chance(0.8)
    this.network = new Network(world, {
      lost: isRough ? random.between(0, 0.12) : 0,
      doubled: isRough ? random.between(0, 0.15) : 0,
      late: isRough ? random.between(0, 0.15) : 0,
      lateMsMax: random.pick([200, 1000, 3000]),
      latencyMsMax: random.pick([2, 20, 100]),
    })
    const managerCount = random.chance(0.25) ? 2 : 1
    const skewMs = managerCount === 1 ? 0 : random.between(0, MANAGERS_SKEW_MS_MAX)
    for (let i = 0; i < managerCount; i++) {
      this.managers.push(new SimulatedManager(this, this.#host(`manager-${i + 1}`, i * skewMs)))
    }
    const managerHost = this.hosts[0]!
    this.storeInvariants = new StoreInvariants(world, this.facts, managerHost, skewMs, NODE_LOST_AFTER_MS)
    this.nodeInvariants = new NodeInvariants(world, this.facts, managerHost, skewMs)
    const latencyMsMax = managerCount === 2 || random.chance(0.2) ? 3 : 0
    this.store = new SharedStore(world, latencyMsMax, (commit) => this.storeInvariants.committed(commit))
    this.executors = new ExecutorFloor(
      world,
      {
        startMsMax: random.pick([5, 60, 400]),
        failsToStart: random.chance(0.3) ? 0.2 : 0,
        crashes: random.chance(0.3) ? 0.3 : 0,
      },
      this.nodeInvariants,
    )
    for (let i = random.pick([1, 1, 2, 3]); i > 0; i--) {
      const host = this.#host(`node-${i}`, random.between(-SKEW_MS_MAX, SKEW_MS_MAX))
      this.nodes.push(new SimulatedNode(this, host, random.whole(1, 4)))
    }
    for (let i = random.pick([2, 2, 3, 4]); i > 0; i--) {
      this.clients.push(new SimulatedClient(this, this.#host(`client-${i}`, random.between(-SKEW_MS_MAX, SKEW_MS_MAX))))
    }
  }

  /** URL of a manager, picked at random. */
  managerUrl(): string {
    return this.world.random.pick(this.managers).url
  }

  #host(name: string, offsetMs: number): Host {
    const host = new Host(this.world, name, offsetMs, this.world.random.between(-DRIFT_MAX, DRIFT_MAX))
    this.hosts.push(host)
    return host
  }
}
