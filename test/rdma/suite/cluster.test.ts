/** The whole system over RDMA: manager, node and client as processes, a lease, hot and warm calls, and sudden deaths. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LeaseEnd, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import { error } from '../../harness/codes.ts'
import type * as Functions from '../../harness/functions.ts'
import { Scene, type Started } from '../../harness/scene.ts'
import { becomes, NOTICED_MS_MAX, within } from '../../harness/waiting.ts'
import { NEAR } from './devices.ts'

const functions = fileURLToPath(new URL('../../harness/functions.ts', import.meta.url))

describe('over verbs', () => {
  let scene: Scene
  let manager: Started
  let node: Started
  let cluster: Cluster

  const startNode = (): Promise<Started> =>
    scene.node(manager.url, 'rdma', '--pool', '0', '--fabrics', 'verbs', '--host', NEAR.address)

  before(async () => {
    scene = new Scene()
    manager = await scene.manager('--node-lost-after', '8s')
    node = await startNode()
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    cluster.lease<typeof Functions>({ functions, ...options })

  const endOf = async (leaseId: string): Promise<LeaseEnd | undefined> =>
    (await cluster.leases({ includeClosed: true })).find((info) => info.leaseId === leaseId)?.end

  test('call, map, and in place, by spinning or on the event loop', async () => {
    await using workers = await lease({ cores: 2 })
    assert.equal(workers.fabric, 'verbs')
    assert.equal(await workers.call.add(40, 2), 42)
    assert.deepEqual(await workers.call.greet('you', { loud: true }), { text: 'YOU', at: new Date(0) })
    const numbers = Array.from({ length: 50 }, (_, index) => index)
    assert.deepEqual(await workers.map.double(numbers), numbers.map((n) => 2 * n)) // prettier-ignore
    const ran = await workers.map.whoRan(numbers)
    assert.equal(new Set(ran.map(({ threadId }) => threadId)).size, 2, 'both workers had their share')
    await assert.rejects(workers.call.fail('as it should'), error('function_failed', /as it should/))

    using slot = workers.reserve(8)
    slot.input.set([1, 2, 3, 4, 5, 6, 7, 8])
    assert.deepEqual(workers.invokeSync('invert', slot, 4), Uint8Array.of(254, 253, 252, 251))
    assert.deepEqual(await workers.invoke('invertLater', slot, 1), Uint8Array.of(254))
  })

  test('payloads on both sides of what a card takes inline, up to megabytes', async () => {
    await using workers = await lease({ payloadBytesMax: 4 * 2 ** 20, slots: 2 })
    using slot = workers.reserve(4 * 2 ** 20)
    for (const bytes of [4, 64, 200, 252, 256, 260, 4096, 65_536, 2 ** 20, 4 * 2 ** 20]) {
      slot.input.subarray(0, bytes).fill(bytes & 0xff)
      const result = workers.invokeSync('invert', slot, bytes)
      assert.equal(result.length, bytes)
      assert.ok(Buffer.alloc(bytes, ~bytes & 0xff).equals(result), `${bytes} bytes came back wrong`)
    }
  })

  test('warm: a worker that sleeps is woken by the next call, and so is a client that sleeps', async () => {
    await using workers = await lease({ hotTimeoutMs: 1, spinUs: 0 })
    using slot = workers.reserve(4)
    for (let round = 0; round < 20; round++) {
      slot.input.fill(round)
      // In every second round, the delay ensures that the worker is asleep.
      await delay(round % 2 === 0 ? 20 : 0)
      const result = round % 4 < 2 ? workers.invokeSync('invert', slot) : await workers.invoke('invert', slot)
      assert.deepEqual(result, new Uint8Array(4).fill(~round))
    }
    const { usage } = await workers.release()
    assert.equal(usage.invocations, 20)
  })

  test('many in flight at once, sent from the event loop', async () => {
    await using workers = await lease({ slots: 64, hotTimeoutMs: 'always' })
    const inputs = Array.from({ length: 1000 }, (_, index) => index)
    assert.deepEqual(await workers.map.double(inputs), inputs.map((n) => 2 * n)) // prettier-ignore
    const { usage } = await workers.release()
    assert.equal(usage.invocations, 1000)
  })

  test('an executor that is killed: all in flight fails with the reason, the cores are back', async () => {
    const workers = await lease({ slots: 1 })
    const sent = [workers.call.never(), workers.call.add(1, 2)]
    const [executor] = scene.executorPids()
    process.kill(executor!, 'SIGKILL')
    for (const outcome of await within(NOTICED_MS_MAX, 'noticed', Promise.allSettled(sent))) {
      assert.equal(outcome.status, 'rejected')
      assert.throws(() => { throw outcome.reason }, error('executor_lost', /SIGKILL/)) // prettier-ignore
    }
    await becomes(LeaseEnd.EXECUTOR_CRASHED, () => endOf(workers.id))
    await workers.release()
  })

  test('a client that is killed: its executor ends, its lease is over', async () => {
    const client = await scene.client(manager.url)
    const { leaseId } = await client.lease({ functions, hotTimeoutMs: 1 })
    assert.equal(await client.call('add', 1, 2), 3)
    await client.begin('never')
    await client.kill()
    await becomes([], () => scene.executorPids())
    await becomes(LeaseEnd.RELEASED, () => endOf(leaseId))
  })

  test('a node that is killed: clients hear of it, its executors go with it, and it can come back', async () => {
    const busy = await lease()
    const inFlight = busy.call.never()
    node.service.child.kill('SIGKILL')
    await assert.rejects(within(NOTICED_MS_MAX, 'noticed', inFlight), error('node_lost', /rdma/))
    await assert.rejects(busy.call.add(1, 2), error('node_lost', /rdma/))
    await becomes([], () => scene.executorPids())
    await becomes(LeaseEnd.NODE_LOST, () => endOf(busy.id))
    await busy.release()

    node = await startNode()
    await using again = await lease({ cores: 2 })
    assert.equal(again.fabric, 'verbs')
    assert.equal(await again.call.add(1, 2), 3)
  })
})
