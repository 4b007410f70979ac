/** The workers of one lease on several nodes: one lease for who uses it, whatever becomes of its parts. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LeaseState, type Cluster, type Lease, type LeaseEventName, type LeaseEvents, type LeaseOptions } from 'rfaas'

import { rfaas } from './cli-process.ts'
import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { lookForTraces } from './harness/traces.ts'
import { becomes, NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))

describe('on several nodes', () => {
  let scene: Scene
  let manager: Started
  const nodes = new Map<string, Started>()
  let cluster: Cluster

  const startNode = async (name: string): Promise<void> =>
    void nodes.set(name, await scene.node(manager.url, name, '--cores', '1'))
  before(async () => {
    scene = new Scene()
    const preemption = ['--preemption-grace', '10s']
    manager = await scene.manager('--heartbeat-interval', '200ms', '--node-lost-after', '3s', ...preemption)
    await Promise.all(['node-1', 'node-2', 'node-3'].map(startNode))
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  /** A lease that the manager lists as active. */
  const lease = async (options: Partial<LeaseOptions>): Promise<Lease<typeof Functions>> => {
    const workers = await cluster.lease<typeof Functions>({ functions, ...options })
    const states = async () => (await cluster.leases()).map(({ state }) => state)
    await until('active', states, (found) => found.every((state) => state === LeaseState.ACTIVE))
    return workers
  }
  const eventOf = <N extends LeaseEventName>(workers: Lease<typeof Functions>, name: N): Promise<LeaseEvents[N]> =>
    within(NOTICED_MS_MAX, name, new Promise<LeaseEvents[N]>((resolve) => workers.on(name, resolve)))
  const kill = (nodeId: string): boolean => nodes.get(nodeId)!.service.child.kill('SIGKILL')
  const nodesOf = (workers: Lease<typeof Functions>): string[] => workers.parts.map(({ nodeId }) => nodeId).sort()

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}: one lease, work on every node, one bill`, async () => {
      const workers = await lease({ cores: 2, nodes: 3, fabric, slots: 2 })
      assert.equal(workers.cores, 2)
      assert.deepEqual(nodesOf(workers), ['node-1', 'node-2'])
      const who = await Promise.all(Array.from({ length: 4 }, () => workers.call.whoAmI()))
      assert.equal(new Set(who.map(({ pid }) => pid)).size, 2)
      const { usage } = await workers.release()
      assert.equal(usage.invocations, 4)
      assert.ok(usage.allocationCoreS > 0)
    })
  }

  test('fewer than asked for, when that will do; all or none, when not', async () => {
    const most = await lease({ cores: 8, coresMin: 2, nodes: 8 })
    assert.equal(most.cores, 3)
    assert.deepEqual(nodesOf(most), ['node-1', 'node-2', 'node-3'])
    const denied = cluster.lease({ functions, cores: 2, nodes: 2 })
    await assert.rejects(denied, error('lease_denied', /largest free 0 on node-1; 3 in all/))
    await most.release()
  })

  test('a node killed: what ran there fails, the lease goes on with the rest', async () => {
    const workers = await lease({ cores: 2, nodes: 2, slots: 1 })
    const [lost, left] = nodesOf(workers) as [string, string]
    const gate = scene.gate()
    const call = () => workers.call.whileShut(gate.path, 'done')
    const outcomes = Promise.allSettled([call(), call()])
    const event = eventOf(workers, 'partLost')
    kill(lost)
    await becomes([left], () => nodesOf(workers))
    gate.open()
    const settled = await within(NOTICED_MS_MAX, 'noticed', outcomes)
    const failed = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []))
    assert.equal(failed.length, 1)
    assert.match(failed[0]!.message, /^node_lost: /)
    assert.equal(workers.cores, 1)
    const { nodeId, reason, cores } = await event
    assert.deepEqual([nodeId, reason.code, cores], [lost, 'node_lost', 1])
    assert.deepEqual(await Promise.all([workers.call.add(1, 2), workers.call.add(3, 4)]), [3, 7])
    await workers.release()
    assert.equal(await workers.closed, null)
    await startNode(lost)
  })

  test('all nodes killed, one after the other: it is over with the last', async () => {
    const workers = await lease({ cores: 2, nodes: 2 })
    const both = nodesOf(workers)
    for (const nodeId of both) kill(nodeId)
    const reason = await within(NOTICED_MS_MAX, 'over', workers.closed)
    assert.equal(reason?.code, 'node_lost')
    await assert.rejects(workers.call.add(1, 2), error('node_lost'))
    await workers.release()
    await Promise.all(both.map(startNode))
  })

  test('with replace a node killed is replaced by another, and the rest goes on meanwhile', async () => {
    const workers = await lease({ cores: 2, nodes: 2, replace: true, idempotent: true })
    const [lost, left] = nodesOf(workers) as [string, string]
    const formerPartId = workers.parts.find(({ nodeId }) => nodeId === lost)!.id
    const event = eventOf(workers, 'replaced')
    const results = workers.map.double(Array.from({ length: 300 }, (_, n) => n))
    kill(lost)
    assert.deepEqual(await within(NOTICED_MS_MAX, 'done', results), Array.from({ length: 300 }, (_, n) => 2 * n)) // prettier-ignore
    await becomes([left, 'node-3'], () => nodesOf(workers))
    assert.equal(workers.cores, 2)
    const { nodeId, reason, ...ids } = await event
    assert.deepEqual([nodeId, reason.code, ids.formerPartId], ['node-3', 'node_lost', formerPartId])
    assert.ok(workers.parts.some(({ id }) => id === ids.partId))
    await workers.release()
    await startNode(lost)
  })

  test('one part lost while another is still being opened: that is heard, too', async () => {
    const slow = nodes.get('node-2')!.service.child
    slow.kill('SIGSTOP')
    const before = lookForTraces().channels
    const leasing = cluster.lease<typeof Functions>({ functions, cores: 2, nodes: 2, fabric: 'local' })
    await until('one has its channel', () => lookForTraces().channels, (channels) => channels > before) // prettier-ignore
    assert.equal(scene.executorPids().length, 1)
    process.kill(scene.executorPids()[0]!, 'SIGKILL')
    await becomes([], () => scene.executorPids())
    slow.kill('SIGCONT')
    const workers = await within(NOTICED_MS_MAX, 'opened', leasing)
    const outcomes = Promise.allSettled(Array.from({ length: 4 }, () => workers.call.add(1, 2)))
    await within(NOTICED_MS_MAX, 'all are answered', outcomes)
    await workers.release()
  })

  test('one part taken back: the rest takes what comes', async () => {
    const workers = await lease({ cores: 2, nodes: 2, slots: 1 })
    const { id, nodeId } = workers.parts[0]!
    const gate = scene.gate()
    const inFlight = [workers.call.whileShut(gate.path, 'one'), workers.call.whileShut(gate.path, 'two')]
    const events = Promise.all([eventOf(workers, 'retrieved'), eventOf(workers, 'partLost')])
    const { code } = await rfaas(['lease', 'retrieve', id, '--grace', '1m', '--manager', manager.url])
    assert.equal(code, 0)
    await within(NOTICED_MS_MAX, 'told', workers.retrieved)
    const [retrieved, gone] = await events
    assert.deepEqual([retrieved.partId, retrieved.nodeId, gone.partId, gone.reason.code], [id, nodeId, id, 'lease_retrieved']) // prettier-ignore
    assert.ok(retrieved.graceMs > 0)
    assert.ok(!nodesOf(workers).includes(nodeId))
    const waiting = workers.call.add(1, 2)
    gate.open()
    assert.equal(await waiting, 3)
    assert.deepEqual(await Promise.all(inFlight), ['one', 'two'])
    await workers.release()
  })

  test('a higher priority that may has the room of a lower one, after what runs there is done', async () => {
    const low = await lease({ cores: 3, nodes: 3, slots: 1 })
    const gate = scene.gate()
    const inFlight = low.call.whileShut(gate.path, 'done')
    const high = cluster.lease<typeof Functions>({ functions, priority: 5, preempt: true, waitMs: 60_000 })
    const notice = await within(NOTICED_MS_MAX, 'told', low.retrieved)
    assert.match(notice!.message, /a lease of priority 5 needs the room/)
    assert.ok(notice!.graceMs > 0 && notice!.graceMs <= 10_000)
    gate.open()
    const workers = await within(NOTICED_MS_MAX, 'granted', high)
    assert.equal(await workers.call.add(1, 2), 3)
    assert.equal(await inFlight, 'done')
    assert.equal(low.cores, 2)
    assert.equal(await low.call.add(3, 4), 7)
    await Promise.all([low.release(), workers.release()])
  })
})
