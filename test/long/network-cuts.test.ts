/** The network between any two of manager, node and client is cut: each hears of it in bounded time, and nothing is lost. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { rfaas } from '../cli-process.ts'
import type { ClientProcess } from '../harness/client-process.ts'
import { Network, reasonAgainstNetworks, type Host } from '../harness/network.ts'
import { Scene, type Started } from '../harness/scene.ts'
import { becomes, NOTICED_MS_MAX, within } from '../harness/waiting.ts'

const functions = fileURLToPath(new URL('../harness/functions.ts', import.meta.url))
/** Longer than the manager takes to miss a node. */
const LEASE_MS = 6000
const skip = reasonAgainstNetworks() ?? false

describe('a cut between', { skip }, () => {
  let scene: Scene
  let network: Network
  let managerHost: Host
  let nodeHost: Host
  let clientHost: Host
  let manager: Started
  let client: ClientProcess

  before(async () => {
    // Made before the scene, so that the processes that hold it do not count as left behind by the scene.
    network = await Network.make()
    managerHost = await network.host()
    nodeHost = await network.host()
    clientHost = await network.host()
    scene = new Scene()
    const intervals = ['--heartbeat-interval', '200ms', '--node-lost-after', '3s']
    manager = await scene.managerOn(managerHost.prefix, '--host', managerHost.address, ...intervals)
    await scene.nodeOn(nodeHost.prefix, manager.url, 'node-1', '--host', nodeHost.address, '--fabrics', 'tcp')
    client = await scene.client(manager.url, clientHost.prefix)
  })
  afterEach(async () => {
    await becomes([], () => scene.executorPids())
    await becomes('ready: 2 free', nodeState)
    await becomes([], async () => (await listed('leases')).map(({ leaseId, state }) => [leaseId, state]))
  })
  after(async () => {
    await scene[Symbol.asyncDispose]().finally(() => network[Symbol.asyncDispose]())
  })

  /** What a command lists, on the manager's own host. */
  async function listed(...command: string[]): Promise<Record<string, unknown>[]> {
    const args = [...command, '--json', '--manager', manager.url]
    const { code, stdout, stderr } = await rfaas(args, { prefix: managerHost.prefix })
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    return JSON.parse(stdout) as Record<string, unknown>[]
  }
  async function nodeState(): Promise<string> {
    const [node] = await listed('nodes')
    return `${String(node!['state'])}: ${String(node!['coresFree'])} free`
  }
  const ended = async (leaseId: string): Promise<unknown> =>
    (await listed('leases', '--all')).find((lease) => lease['leaseId'] === leaseId)?.['end']
  const lease = (): Promise<{ leaseId: string }> =>
    client.lease({ functions, durationMs: LEASE_MS, fabric: 'tcp', slots: 2 })
  /** An invocation that is never answered: expects its failure soon after the lease is over. */
  const failure = (code: RegExp): Promise<void> =>
    assert.rejects(within(LEASE_MS + NOTICED_MS_MAX, 'noticed', client.call('never')), code)

  test('client and node: with its lease the client knows that it is over, and so does everybody', async () => {
    const { leaseId } = await lease()
    assert.equal(await client.call('add', 1, 2), 3)
    const failed = failure(/^Error: lease_expired: /)
    using _cut = network.cut(clientHost, nodeHost)
    await failed
    await assert.rejects(client.call('add', 1, 2), /^Error: lease_expired: /)
    await becomes('expired', () => ended(leaseId))
    await client.release()
  })

  test('client and manager: work goes on until the lease expires, and the client hears that it has', async () => {
    const { leaseId } = await lease()
    const failed = failure(/^Error: lease_expired: /)
    using cut = network.cut(clientHost, managerHost)
    assert.equal(await client.call('later', LEASE_MS / 4, 'done'), 'done')
    await failed
    await becomes('expired', () => ended(leaseId))
    cut.repair()
    await client.release()
  })

  test('manager and node: to the manager the node is lost, the client hears so, the executor ends with its lease', async () => {
    const { leaseId } = await lease()
    const failed = failure(/^Error: node_lost: /)
    using cut = network.cut(managerHost, nodeHost)
    await becomes('lost: 0 free', nodeState)
    await becomes('node_lost', () => ended(leaseId))
    await failed
    // The manager cannot reach the node, which ends the lease by its own clock.
    await becomes([], () => scene.executorPids())
    cut.repair()
    await client.release()
  })
})
