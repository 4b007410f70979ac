import { ResourceManagerService } from '../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import { toRfaasError } from '../../packages/rfaas/src/errors.ts'
import type { Break } from './breaks.ts'
import { NO_BREAK } from './breaks.ts'
import { Host, Process } from './host.ts'
import { ALL_COMES_BACK, NO_DEFECTS } from './invariants.ts'
import { Scene } from './scene.ts'
import { planTroubles } from './troubles.ts'
import { World } from './world.ts'

/** Time within which everything must be over after the troubles, if nothing is lost. */
const QUIET_MS_MAX = 60_000

/** The result of one schedule. */
export interface Outcome {
  readonly seed: number
  /** The invariant that did not hold, and how; null when all did. */
  readonly failure: string | null
  readonly steps: number
  /** The events, one line each; empty unless requested. */
  readonly trace: readonly string[]
}

/** Runs the schedule that follows from the seed, until all is over or an invariant does not hold. */
export async function runSchedule(seed: number, breaks: Break = NO_BREAK, traces = false): Promise<Outcome> {
  const world = new World(seed, traces)
  const scene = new Scene(world, breaks)
  const { facts } = scene
  const check = (): void => scene.nodeInvariants.check()
  const onRejection = (reason: unknown): void =>
    facts.fail(NO_DEFECTS, `a rejection is left unhandled: ${String(reason)}`)
  process.on('unhandledRejection', onRejection)
  try {
    const troublesMs = world.random.between(1000, 4000)
    for (const manager of scene.managers) manager.start()
    for (const node of scene.nodes) node.start()
    for (const client of scene.clients) client.start()
    planTroubles(scene, troublesMs)
    await world.run(() => facts.failure !== null || world.nowMs >= troublesMs, check)

    let isOver = false
    const ending = endOf(scene).then(() => (isOver = true))
    await world.run(() => facts.failure !== null || isOver, check)
    if (isOver) await ending
  } finally {
    process.off('unhandledRejection', onRejection)
  }
  return { seed, failure: facts.failure, steps: world.steps, trace: world.lines ?? [] }
}

/** Repairs everything, and checks that all capacity comes back. */
async function endOf(scene: Scene): Promise<void> {
  const { world, facts, network, storeInvariants } = scene
  world.trace('world', () => 'no more troubles')
  network.weather = { ...network.weather, lost: 0, doubled: 0, late: 0 }
  scene.executors.temper = { ...scene.executors.temper, failsToStart: 0, crashes: 0 }
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => world.after(ms, resolve))
  const calmMs = world.nowMs
  const untilMs = calmMs + QUIET_MS_MAX
  for (const client of scene.clients) client.stop()
  const process = new Process(new Host(world, 'operator', 0, 0))
  // Messages under way may still arrive.
  await sleep(network.weather.lateMsMax)
  for (const manager of scene.managers) manager.start()
  const { rpc } = network.client(process, ResourceManagerService, scene.managers[0]!.url, 'manager_unreachable')
  const isOver = (): boolean =>
    scene.clients.every(({ isIdle }) => isIdle) &&
    scene.nodes.every(({ isSettled, facts }) => isSettled && facts.heardMs > calmMs) &&
    storeInvariants.isQuiet &&
    facts.running.size === 0
  while (!isOver()) {
    for (const node of scene.nodes) node.start()
    if (world.nowMs > untilMs) {
      const open = [...facts.leases.values()].filter(({ record }) => record.state !== 'closed')
      const left = open.map(({ leaseId, record }) => `${leaseId} ${record.state}`)
      facts.fail(
        ALL_COMES_BACK,
        `still there: ${[...left, ...[...facts.running].map(({ address }) => address)].join(', ')}`,
      )
      return
    }
    await sleep(250)
  }
  for (const { facts: node } of scene.nodes) {
    for (;;) {
      try {
        await rpc.drainNode({ nodeId: node.nodeId, undo: true })
        await scene.clients[0]!.leaseAllOf(node.nodeId, node.cores)
        break
      } catch (error) {
        if (world.nowMs > untilMs) {
          facts.fail(ALL_COMES_BACK, `all of ${node.nodeId} cannot be leased: ${toRfaasError(error).message}`)
          return
        }
      }
      // A late request of a client that is gone may have got a lease: it expires.
      await sleep(500)
    }
  }
}
