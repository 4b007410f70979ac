/** A lease that is to be replaced goes on elsewhere: taken back, its executor killed, its node gone. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LeaseState, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import { rfaas } from './cli-process.ts'
import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { becomes, NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))

describe('replaced', () => {
  let scene: Scene
  let manager: Started
  const nodes = new Map<string, Started>()
  let cluster: Cluster
  const leased: Lease<typeof Functions>[] = []

  before(async () => {
    scene = new Scene()
    manager = await scene.manager('--heartbeat-interval', '200ms', '--node-lost-after', '3s')
    for (const name of ['node-1', 'node-2']) nodes.set(name, await scene.node(manager.url, name, '--cores', '1'))
    cluster = await scene.connect(manager.url)
  })
  afterEach(async () => {
    // What a test that failed has left would be missing in the next ones.
    await Promise.all(leased.splice(0).map((each) => each.release({ graceMs: 0 })))
    await scene.idle(cluster)
  })
  after(() => scene[Symbol.asyncDispose]())

  /** One that the manager knows to run. */
  const lease = async (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> => {
    const workers = await cluster.lease<typeof Functions>({ functions, replace: true, ...options })
    leased.push(workers)
    await active(workers.id)
    return workers
  }
  const active = (id: string): Promise<void> =>
    becomes(LeaseState.ACTIVE, async () => (await cluster.leases()).find(({ leaseId }) => leaseId === id)?.state)
  /** Until its client knows: a call before that would still go to the worker that is taken back. */
  const retrieve = async ({ id, retrieved }: Lease<typeof Functions>, grace: string): Promise<void> => {
    const { code, stderr } = await rfaas(['lease', 'retrieve', id, '--grace', grace, '--manager', manager.url])
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.ok(await within(NOTICED_MS_MAX, 'told', retrieved))
  }
  const otherThan = (nodeId: string): string => (nodeId === 'node-1' ? 'node-2' : 'node-1')
  const moved = (workers: Lease<typeof Functions>, from: string): Promise<string> =>
    until('moved', () => workers.nodeId, (nodeId) => nodeId === otherThan(from)) // prettier-ignore

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}, taken back: what is in flight finishes there, all else goes on elsewhere, on one bill`, async () => {
      const workers = await lease({ fabric, slots: 1 })
      const { nodeId } = workers
      const gate = scene.gate()
      const inFlight = workers.call.whileShut(gate.path, 'there')
      const waiting = [workers.call.add(1, 2), workers.call.add(3, 4)]
      await retrieve(workers, '1m')
      assert.deepEqual(await within(NOTICED_MS_MAX, 'done elsewhere', Promise.all(waiting)), [3, 7])
      assert.equal(workers.nodeId, otherThan(nodeId))
      gate.open()
      assert.equal(await inFlight, 'there')
      using slot = workers.reserve(4)
      slot.input.fill(0)
      assert.deepEqual(workers.invokeSync('invert', slot), Uint8Array.of(255, 255, 255, 255))
      const { usage } = await workers.release()
      assert.equal(usage.invocations, 4)
      assert.equal(await workers.closed, null)
    })

    test(`over ${fabric}, its executor killed: only what may run twice is sent again`, async () => {
      const workers = await lease({ fabric, slots: 2, idempotent: ['later'] })
      const again = workers.call.later(500, 'twice')
      const lost = assert.rejects(workers.call.never(), error('executor_lost', /SIGKILL/))
      assert.equal(scene.executorPids().length, 1)
      process.kill(scene.executorPids()[0]!, 'SIGKILL')
      await within(NOTICED_MS_MAX, 'noticed', lost)
      assert.equal(await within(NOTICED_MS_MAX, 'done again', again), 'twice')
      assert.equal(await workers.call.add(1, 2), 3)
      await workers.release()
    })
  }

  test('map goes on over it, and gives every result once', async () => {
    const workers = await lease({ idempotent: true, slots: 4 })
    const { nodeId } = workers
    const inputs = Array.from({ length: 400 }, (_, index) => index)
    const results = workers.map.whoRan(inputs)
    await retrieve(workers, '10s')
    assert.deepEqual((await results).map(({ index }) => index), inputs) // prettier-ignore
    await moved(workers, nodeId)
    await workers.release()
  })

  test('its node killed: it goes on at another', async () => {
    const workers = await lease()
    const { nodeId } = workers
    const lost = assert.rejects(workers.call.never(), error('node_lost'))
    nodes.get(nodeId)!.service.child.kill('SIGKILL')
    await within(NOTICED_MS_MAX, 'noticed', lost)
    assert.equal(await within(NOTICED_MS_MAX, 'done elsewhere', workers.call.add(1, 2)), 3)
    assert.equal(workers.nodeId, otherThan(nodeId))
    await workers.release()
    nodes.set(nodeId, await scene.node(manager.url, nodeId, '--cores', '1'))
  })

  test('with nothing free elsewhere it is over, with both reasons; what is in flight may still finish', async () => {
    const workers = await lease()
    await using _other = await lease()
    const gate = scene.gate()
    const inFlight = workers.call.whileShut(gate.path, 'done')
    await retrieve(workers, '1m')
    const waiting = workers.call.add(1, 2)
    const reasons = /retrieved: no reason was given.*it could not be replaced: .*largest free 0/
    await assert.rejects(within(NOTICED_MS_MAX, 'refused', waiting), error('lease_retrieved', reasons))
    gate.open()
    assert.equal(await inFlight, 'done')
    const reason = await within(NOTICED_MS_MAX, 'over', workers.closed)
    assert.match(reason!.message, reasons)
    await workers.release()
  })

  test('released while it waits for another one in its place, it does not wait for that', async () => {
    const workers = await lease({ waitMs: 3_600_000 })
    await using _other = await lease()
    await retrieve(workers, '1m')
    const waiting = assert.rejects(workers.call.add(1, 2), error('lease_closed'))
    await within(NOTICED_MS_MAX, 'released', workers.release())
    await waiting
  })

  test('released while another one is being leased in its place, it leaves neither', async () => {
    const workers = await lease({ waitMs: 60_000 })
    const other = await lease()
    await retrieve(workers, '1m')
    const releasing = workers.release()
    await other.release()
    await releasing
  })

  test('its workers are set up before they take the calls that wait', async () => {
    const runs: number[][] = []
    const workers = await lease({
      slots: 1,
      setup: async (each) => {
        runs.push((await each['remember']!('model')) as number[])
      },
    })
    const lost = assert.rejects(workers.call.never(), error('executor_lost'))
    const waiting = workers.call.recall()
    process.kill(scene.executorPids()[0]!, 'SIGKILL')
    await within(NOTICED_MS_MAX, 'noticed', lost)
    const [value] = await within(NOTICED_MS_MAX, 'done elsewhere', waiting)
    assert.deepEqual([value, runs.length], ['model', 2])
    await workers.release()
  })

  test('when its workers cannot be set up it is over, with both reasons', async () => {
    let times = 0
    const workers = await lease({
      slots: 1,
      setup: () => {
        if (++times > 1) throw new Error('no model any more')
      },
    })
    const lost = assert.rejects(workers.call.never(), error('executor_lost'))
    const waiting = workers.call.add(1, 2)
    const reasons = /SIGKILL.*its replacement could not be set up: no model any more/
    process.kill(scene.executorPids()[0]!, 'SIGKILL')
    await within(NOTICED_MS_MAX, 'noticed', lost)
    await assert.rejects(within(NOTICED_MS_MAX, 'refused', waiting), error('executor_lost', reasons))
    assert.match((await within(NOTICED_MS_MAX, 'over', workers.closed))!.message, reasons)
    await workers.release()
  })

  test('released while it is being set up, it does not wait for that', async () => {
    const begun = Promise.withResolvers<void>()
    let times = 0
    const workers = await lease({
      slots: 1,
      setup: () => {
        if (++times === 1) return
        begun.resolve()
        return new Promise(() => {})
      },
    })
    const lost = assert.rejects(workers.call.never(), error('executor_lost'))
    process.kill(scene.executorPids()[0]!, 'SIGKILL')
    await within(NOTICED_MS_MAX, 'being set up', begun.promise)
    await lost
    const waiting = assert.rejects(workers.call.add(1, 2), error('lease_closed'))
    await within(NOTICED_MS_MAX, 'released', workers.release())
    await waiting
  })
})
