/** Whichever process is killed, the others notice in time, report the right code, and clean up after it. */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LeaseEnd, LeaseState, NodeState, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { becomes, NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const FABRICS = ['local', 'tcp'] as const

describe('when a process is killed', () => {
  let scene: Scene
  let manager: Started
  let node: Started
  let cluster: Cluster

  const startManager = (...args: string[]): Promise<Started> =>
    scene.manager(
      ...['--data', join(scene.folder, 'manager.db')],
      ...['--heartbeat-interval', '200ms', '--node-lost-after', '3s'],
      ...args,
    )

  before(async () => {
    scene = new Scene()
    manager = await startManager()
    node = await scene.node(manager.url, 'node-1')
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    cluster.lease<typeof Functions>({ functions, ...options })

  const closed = async (leaseId: string) => {
    const found = (await cluster.leases({ includeClosed: true })).find((info) => info.leaseId === leaseId)
    return { state: found!.state, end: found!.end, invocations: found!.usage!.invocations }
  }

  for (const fabric of FABRICS) {
    test(`the executor, over ${fabric}: all that is in flight or waits fails with the reason`, async () => {
      const workers = await lease({ fabric, cores: 2, slots: 1, hotTimeoutMs: 1 })
      assert.equal(await workers.call.add(1, 2), 3)
      const sent = [workers.call.never(), workers.call.never(), workers.call.add(1, 2), workers.map.double([1])]
      const [executor] = scene.executorPids()
      process.kill(executor!, 'SIGKILL')
      const outcomes = await within(NOTICED_MS_MAX, 'noticed', Promise.allSettled(sent))
      for (const outcome of outcomes) {
        assert.equal(outcome.status, 'rejected')
        assert.throws(() => { throw outcome.reason }, error('executor_lost', /crashed: the process was ended by signal SIGKILL/)) // prettier-ignore
      }
      await assert.rejects(workers.call.add(1, 2), error('executor_lost', /SIGKILL/))
      assert.match((await workers.closed)!.message, /^executor_lost: .*SIGKILL/)
      assert.throws(() => workers.reserve(1), error('executor_lost', /SIGKILL/))

      // The cores come back without a release; a later release returns the bill.
      await scene.idle(cluster)
      const { invocations } = (await workers.release()).usage
      assert.ok(invocations >= 1)
      assert.deepEqual(await closed(workers.id), {
        state: LeaseState.CLOSED,
        end: LeaseEnd.EXECUTOR_CRASHED,
        invocations,
      })
      await using next = await lease({ fabric })
      assert.equal(await next.call.add(1, 2), 3)
    })

    test(`the executor, over ${fabric}, under an invokeSync that spins`, async () => {
      await using workers = await lease({ fabric })
      using slot = workers.reserve(8)
      const [executor] = scene.executorPids()
      // Killed by another process, because this one spins meanwhile.
      const killer = spawn('sh', ['-c', `sleep 0.1; kill -9 ${executor}`], { stdio: 'ignore' })
      assert.throws(() => workers.invokeSync('spin', slot), error('executor_lost'))
      assert.equal(killer.pid === undefined, false)
    })

    for (const [what, name, ...args] of [
      ['that is idle'],
      ['with invocations in flight', 'never'],
      ['whose function computes, then answers late', 'computeLater', 300],
    ] as [string, string?, ...unknown[]][]) {
      test(`a client ${what}, over ${fabric}: its executor ends, its cores come back`, async () => {
        const client = await scene.client(manager.url)
        const { leaseId } = await client.lease({ functions, fabric, hotTimeoutMs: 1 })
        assert.equal(await client.call('add', 1, 2), 3)
        if (name !== undefined) await client.begin(name, ...args)
        await client.kill()
        await becomes([], () => scene.executorPids())
        await scene.idle(cluster)
        assert.equal((await closed(leaseId)).end, LeaseEnd.RELEASED)
      })
    }
  }

  test('the manager: invocations go on; back on its data, it renews, takes the release, counts the cores once', async () => {
    const workers = await lease({ durationMs: 20_000 })
    const going = workers.call.later(500, 'done')
    manager.service.child.kill('SIGKILL')
    await manager.service.finished()
    assert.equal(await workers.call.add(1, 2), 3)
    await assert.rejects(within(NOTICED_MS_MAX, 'refused', lease()), error('manager_unreachable'))
    await assert.rejects(within(NOTICED_MS_MAX, 'refused', cluster.nodes()), error('manager_unreachable'))
    assert.equal(await going, 'done')
    const promisedMs = workers.expires.getTime()

    manager = await startManager('--port', new URL(manager.url).port)
    await until(
      'renewed',
      () => workers.expires.getTime(),
      (expiresMs) => expiresMs > promisedMs,
    )
    assert.equal(await workers.call.add(2, 3), 5)
    // Its node may not have reported it yet, and reports it again by itself.
    await becomes([{ leaseId: workers.id, state: LeaseState.ACTIVE }], async () =>
      (await cluster.leases()).map(({ leaseId, state }) => ({ leaseId, state })),
    )

    const { usage } = await workers.release()
    assert.equal(usage.invocations, 3)
    await scene.idle(cluster)
    await using _all = await lease({ cores: 2 })
    await assert.rejects(lease(), error('lease_denied', /largest free 0 on node-1; 2 in all/))
  })

  test('a lease that is over is held on to by nobody but its program', async () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage = runInNewContext('gc') as () => void
    const lost = async (): Promise<WeakRef<Lease<typeof Functions>>> => {
      const workers = await lease()
      assert.equal(await workers.call.add(1, 2), 3)
      for (const pid of scene.executorPids()) process.kill(pid, 'SIGKILL')
      await within(NOTICED_MS_MAX, 'noticed', workers.closed)
      return new WeakRef(workers)
    }
    const former = await lost()
    const isGone = (): boolean => {
      collectGarbage()
      return former.deref() === undefined
    }
    await becomes(true, isGone, 4 * NOTICED_MS_MAX)
    await scene.idle(cluster)
  })

  test('the node: its executors go with it, clients hear of it, and it can come back', async () => {
    const busy = await lease()
    const idle = await lease()
    const inFlight = busy.call.never()
    node.service.child.kill('SIGKILL')
    await assert.rejects(within(NOTICED_MS_MAX, 'noticed', inFlight), error('node_lost', /node-1/))
    assert.match((await within(NOTICED_MS_MAX, 'noticed', idle.closed))!.message, /^node_lost: .*node-1/)
    await assert.rejects(idle.call.add(1, 2), error('node_lost', /node-1/))
    await becomes([], () => scene.executorPids())
    await becomes([NodeState.LOST], async () => (await cluster.nodes()).map(({ state }) => state))
    await becomes(LeaseEnd.NODE_LOST, async () => (await closed(busy.id)).end)
    await becomes(LeaseEnd.NODE_LOST, async () => (await closed(idle.id)).end)
    await assert.rejects(lease(), error('lease_denied', /no node|0 nodes are ready/))
    await Promise.all([busy.release(), idle.release()])

    node = await scene.node(manager.url, 'node-1')
    await using again = await lease({ cores: 2 })
    assert.equal(await again.call.add(1, 2), 3)
  })
})
