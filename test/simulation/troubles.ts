import { ResourceManagerService } from '../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import { Host, Process } from './host.ts'
import type { Scene } from './scene.ts'

/** Plans the troubles of a scene until `untilMs`, and that each is undone by then. */
export function planTroubles(scene: Scene, untilMs: number): void {
  const { world, network, hosts, managers, nodes, clients } = scene
  const { random } = world
  const plan = (countMax: number, f: () => void): void => {
    for (let i = random.whole(0, countMax); i > 0; i--) world.after(random.between(0, untilMs), f)
  }
  plan(3, () => {
    const from = random.pick(hosts)
    const to = random.pick(hosts)
    if (from === to) return
    world.trace('network', () => `nothing passes from ${from.name} to ${to.name}`)
    const mend = [network.cut(from.name, to.name)]
    if (random.chance(0.5)) mend.push(network.cut(to.name, from.name))
    const healed = Math.min(random.between(100, 5000), untilMs - world.nowMs)
    world.after(healed, () => mend.forEach((each) => each()))
  })
  const downMs = (): number => Math.min(random.between(50, 5000), untilMs - world.nowMs)
  plan(2, () => {
    const manager = random.pick(managers)
    manager.crash()
    world.after(downMs(), () => manager.start())
  })
  plan(3, () => {
    const node = random.pick(nodes)
    if (random.chance(0.3)) void node.leave()
    else node.crash()
    world.after(downMs(), () => node.start())
  })
  plan(2, () => {
    const client = random.pick(clients)
    client.crash()
    world.after(downMs(), () => client.start())
  })
  planOperator(scene, untilMs)
}

/** Plans the acts of an operator who retrieves leases and drains nodes. */
function planOperator(scene: Scene, untilMs: number): void {
  const { world, network, facts, nodes } = scene
  const { random } = world
  const host = new Host(world, 'operator', 0, 0)
  const act = async (): Promise<void> => {
    const process = new Process(host)
    const { rpc } = network.client(process, ResourceManagerService, scene.managerUrl(), 'manager_unreachable')
    const graceMs = random.pick([0, 100, 1000, 3000])
    const open = [...facts.leases.values()].filter(({ record }) => record.state !== 'closed')
    if (open.length > 0 && random.chance(0.6)) {
      const lease = random.pick(open)
      lease.isRetrieved = true
      await rpc.retrieveLease({ leaseId: lease.leaseId, graceMs })
      return
    }
    const { facts: node } = random.pick(nodes)
    node.isDrained = true
    await rpc.drainNode({ nodeId: node.nodeId, graceMs })
    await process.sleep(random.between(100, 3000))
    await rpc.drainNode({ nodeId: node.nodeId, undo: true })
  }
  for (let i = random.whole(0, 5); i > 0; i--) {
    world.after(random.between(0, untilMs), () => void act().catch((error: unknown) => facts.noteError(error)))
  }
}
