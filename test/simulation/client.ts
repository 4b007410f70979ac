import { obtainLeases } from '../../packages/rfaas/src/client/leases/obtain-leases.ts'
import type { ObtainedLease } from '../../packages/rfaas/src/client/leases/obtain-leases.ts'
import { ExecutorManagerService, ResourceManagerService } from '../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import type { AllocateResponse, LeaseGrant, LeaseInfo } from '../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import { Process } from './host.ts'
import type { Host } from './host.ts'
import { ONLY_WHAT_IS_GRANTED } from './invariants.ts'
import type { Scene } from './scene.ts'

/** A lease request of a client, and how the client uses the lease. */
interface Wish {
  readonly nodeId: string
  readonly cores: number
  readonly coresMin: number
  /** Largest number of nodes. */
  readonly nodes: number
  readonly disks: number
  readonly durationMs: number
  readonly priority: number
  readonly waitMs: number
  readonly preempts: boolean
  /** How long the client uses the lease, if it can. */
  readonly useMs: number
}

/** Probability that a client presents a forged token, with more cores than were signed… */
const FORGERS = 0.05

/** …and that it presents an outdated token again. */
const REPLAYS = 0.05

function forged(token: string): string {
  return token.replace(/"cores":(\d+)/, (_, cores) => `"cores":${Number(cores) + 1}`)
}

/** A program that leases, invokes and releases repeatedly, with the client's own lease code. */
export class SimulatedClient {
  readonly #scene: Scene
  readonly #host: Host
  #process: Process
  #isStopping = false
  /** Whether it has or may get a lease. */
  #isBusy = false

  constructor(scene: Scene, host: Host) {
    this.#scene = scene
    this.#host = host
    this.#process = new Process(host)
  }

  start(): void {
    this.#process.kill()
    this.#process = new Process(this.#host)
    this.#isBusy = false
    this.#scene.world.trace(this.#host.name, () => 'starts')
    void this.#run(this.#process)
  }

  crash(): void {
    this.#scene.world.trace(this.#host.name, () => 'crashes')
    this.#process.kill()
  }

  get isIdle(): boolean {
    return !this.#isBusy || !this.#process.isAlive
  }

  /** Stops new leases, and releases the current ones. */
  stop(): void {
    this.#isStopping = true
  }

  /** Leases the whole node to check that its capacity is complete. @throws {RfaasError} when it is not */
  async leaseAllOf(nodeId: string, cores: number): Promise<void> {
    const process = new Process(this.#host)
    const all = { nodeId, cores, coresMin: cores, nodes: 1, disks: cores }
    const wish = { ...all, durationMs: 5000, priority: 0, waitMs: 0, preempts: false, useMs: 0 }
    for (const obtained of await this.#obtain(process, wish)) {
      await this.#allocate(obtained)
      this.#scene.facts.leases.get(obtained.keeper.leaseId)!.isReleased = true
      await obtained.keeper.release()
    }
  }

  async #run(process: Process): Promise<void> {
    const { random } = this.#scene.world
    while (!this.#isStopping) {
      await process.sleep(random.between(0, 1500))
      if (this.#isStopping) return
      const cores = random.whole(1, 3)
      const waitMs = random.chance(0.5) ? 0 : random.between(100, 4000)
      const wish: Wish = {
        nodeId: '',
        cores,
        coresMin: random.chance(0.2) ? 1 : cores,
        nodes: random.pick([1, 1, 2]),
        disks: random.whole(0, 2),
        durationMs: random.pick([300, 1000, 2000, 5000]),
        priority: random.whole(0, 2),
        waitMs,
        preempts: waitMs > 0 && random.chance(0.5),
        useMs: random.chance(0.2) ? random.between(0, 60) : random.between(50, 6000),
      }
      // A refused program asks again in the next round.
      this.#isBusy = true
      const noted = (error: unknown): void => this.#scene.facts.noteError(error)
      const parts = await this.#obtain(process, wish).catch(noted)
      await Promise.all((parts ?? []).map((part) => this.#use(process, wish, part).catch(noted)))
      this.#isBusy = false
    }
  }

  async #use(process: Process, wish: Wish, obtained: ObtainedLease): Promise<void> {
    const { keeper } = obtained
    const firstToken = keeper.token
    const lease = this.#scene.facts.leases.get(keeper.leaseId)!
    let allocated: AllocateResponse
    try {
      allocated = await this.#allocate(obtained)
    } catch (error) {
      lease.isReleased = true
      await keeper.release().catch(() => {})
      throw error
    }
    const channel = await this.#connect(process, allocated.workers[0]!.address)
    const over = Promise.withResolvers<void>()
    keeper.onClosed = () => over.resolve()
    channel.onLost = () => void keeper.reasonForLoss()
    let mayInvoke = true
    keeper.onRetrieved = () => (mayInvoke = false)
    keeper.start()
    process.clock.after(wish.useMs, () => over.resolve())
    const { random } = this.#scene.world
    let isOver = false
    void over.promise.then(() => (isOver = true))
    while (!isOver && !this.#isStopping) {
      if (mayInvoke) channel.invoke(random.between(1, 400))
      if (random.chance(REPLAYS)) void obtained.node.rpc.extend({ token: firstToken }).catch(() => {})
      await Promise.race([over.promise, process.sleep(random.between(20, 900))])
    }
    lease.isReleased = true
    await keeper.release().catch(() => {})
    channel.close()
  }

  async #obtain(process: Process, wish: Wish): Promise<ObtainedLease[]> {
    const { network, facts } = this.#scene
    const { durationMs, priority, preempts, waitMs, nodeId, cores, coresMin, nodes: nodesMax, disks } = wish
    const onAnswer = (_: string, __: unknown, answer: unknown): void => {
      const { grants, lease: only } = answer as { grants?: LeaseGrant[]; lease?: LeaseInfo }
      for (const lease of grants?.map(({ lease }) => lease) ?? [only]) {
        if (lease === undefined) continue
        const known = facts.leases.get(lease.leaseId)
        if (known === undefined || known.record.fence < lease.fence) {
          facts.fail(ONLY_WHAT_IS_GRANTED, `${lease.leaseId} was given out with fence ${lease.fence}`)
        }
        if (known) known.isDelivered = true
      }
    }
    const url = this.#scene.managerUrl()
    const manager = network.client(process, ResourceManagerService, url, 'manager_unreachable', onAnswer)
    const nodeAt = (url: string) => network.client(process, ExecutorManagerService, url, 'node_unreachable')
    const resources = disks === 0 ? {} : { disk: disks }
    if (preempts) facts.preemptsBelow = Math.max(facts.preemptsBelow, priority)
    const size = { nodeId, cores, coresMin, nodesMax, memoryMib: cores * 512, resources }
    const request = { ...size, durationMs, priority, preempts, tenant: this.#host.name }
    return obtainLeases({ manager, nodeAt, clock: process.clock }, request, waitMs)
  }

  async #allocate({ keeper, node }: ObtainedLease): Promise<AllocateResponse> {
    const { random } = this.#scene.world
    const token = await keeper.tokenToAllocate()
    const shape = { fabric: 'tcp', slots: 1, payloadBytesMax: 1024, hotTimeoutMs: 0, address: '' }
    const request = { bundleSha256: keeper.leaseId, ...shape }
    // Some clients try to get more than they have leased.
    if (random.chance(FORGERS)) await node.rpc.allocate({ token: forged(token), ...request }).catch(() => {})
    return node.rpc.allocate({ token, ...request })
  }

  /** A channel to the first worker. It is reliable: it works, or both sides learn of its end. */
  async #connect(process: Process, address: string): Promise<Channel> {
    const { executors, network, world } = this.#scene
    const executor = executors.at(address)
    const latencyMs = (): number => world.random.between(0.05, network.weather.latencyMsMax)
    let isOpen = true
    const channel: Channel = {
      onLost: () => {},
      invoke: (durationMs) => {
        if (isOpen) world.after(latencyMs(), () => executor.invoke(durationMs))
      },
      close: () => {
        if (!isOpen) return
        isOpen = false
        world.after(latencyMs(), () => executor.loseClient())
      },
    }
    process.onDeath.add(channel.close)
    void executor.exited.then(() =>
      world.after(latencyMs(), () => {
        if (isOpen && process.isAlive) channel.onLost()
      }),
    )
    await process.sleep(latencyMs())
    return channel
  }
}

interface Channel {
  /** Called when the executor is gone. */
  onLost: () => void
  invoke(durationMs: number): void
  close(): void
}
