/** A lease is taken back, or a whole node: the client hears of it at once, what runs may finish, the cores are back. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LeaseEnd, LeaseState, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import { rfaas, Service } from './cli-process.ts'
import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { becomes, NOTICED_MS_MAX, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))

describe('taken back', () => {
  let scene: Scene
  let manager: Started
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    // No regular heartbeat comes during the test, so the node only learns what it is nudged about.
    manager = await scene.manager('--heartbeat-interval', '10m', '--node-lost-after', '30m')
    await scene.node(manager.url, 'node-1')
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  /** One that the manager knows to run: until then it has nothing that could finish. */
  const lease = async (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> => {
    const workers = await cluster.lease<typeof Functions>({ functions, ...options })
    await becomes([LeaseState.ACTIVE], async () => (await cluster.leases()).map(({ state }) => state))
    return workers
  }

  /** A command that must not fail; what it prints. */
  const command = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await rfaas([...args, '--manager', manager.url])
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    return stdout
  }
  const retrieve = (id: string, grace: string): Promise<string> =>
    command('lease', 'retrieve', id, '--grace', grace, '--reason', 'kernel update')

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}: the client is told, what is in flight finishes, what comes later is refused`, async () => {
      const workers = await lease({ fabric, slots: 2 })
      // As many invocations as slots, and one that waits.
      const gate = scene.gate()
      const inFlight = [workers.call.whileShut(gate.path, 'one'), workers.call.whileShut(gate.path, 'two')]
      const waiting = assert.rejects(workers.call.add(1, 2), error('lease_retrieved', /kernel update/))
      const said = await retrieve(workers.id, '1m')
      assert.match(
        said,
        /^Lease lease-\w+ on node node-1 is being retrieved; what it runs may finish within (1 min|59\.\d s)\.\n$/,
      )
      const notice = await within(NOTICED_MS_MAX, 'told', workers.retrieved)
      assert.match(notice!.message, /^Lease lease-\w+ was retrieved: kernel update$/)
      assert.ok(notice!.graceMs > 0 && notice!.graceMs <= 60_000)
      await waiting
      await assert.rejects(
        workers.call.add(1, 2),
        error('lease_retrieved', /kernel update; invocations in flight may finish/),
      )
      assert.throws(() => workers.reserve(1), error('lease_retrieved'))
      gate.open()
      assert.deepEqual(await Promise.all(inFlight), ['one', 'two'])

      const reason = await within(NOTICED_MS_MAX, 'over', workers.closed)
      assert.match(reason!.message, /^lease_retrieved: .*kernel update/)
      await scene.idle(cluster)
      const { usage } = await workers.release()
      assert.equal(usage.invocations, 2)
      const info = (await cluster.leases({ includeClosed: true })).find(({ leaseId }) => leaseId === workers.id)
      assert.deepEqual([info?.end, info?.endMessage], [LeaseEnd.RETRIEVED, 'kernel update'])
    })

    test(`over ${fabric}: what does not finish is ended with the grace`, async () => {
      const workers = await lease({ fabric })
      const inFlight = workers.call.never()
      // It may end before the command does.
      const ended = assert.rejects(within(NOTICED_MS_MAX, 'ended', inFlight), error('lease_retrieved', /kernel update/))
      await retrieve(workers.id, '300ms')
      await ended
      await workers.release()
    })

    test(`over ${fabric}: a function that never returns is ended with the grace, too`, async () => {
      const workers = await lease({ fabric })
      const inFlight = workers.call.spin(new Uint8Array(1))
      // It may end before the command does.
      const ended = assert.rejects(within(NOTICED_MS_MAX, 'ended', inFlight), error('lease_retrieved', /kernel update/))
      await retrieve(workers.id, '300ms')
      await ended
      await workers.release()
    })
  }

  test('an idle lease is over at once', async () => {
    const workers = await lease()
    assert.equal(await workers.call.add(1, 2), 3)
    await retrieve(workers.id, '1h')
    const reason = await within(NOTICED_MS_MAX, 'over', workers.closed)
    assert.match(reason!.message, /^lease_retrieved: .*kernel update/)
    await scene.idle(cluster)
    await workers.release()
  })

  test('released by its client, a lease says that nobody took it back', async () => {
    const workers = await lease()
    await workers.release()
    assert.equal(await workers.retrieved, null)
  })

  test('a node that is drained gives back its leases and takes no new ones, until that is undone', async () => {
    const workers = await lease()
    const said = await command('drain', 'node-1', '--grace', '1m', '--reason', 'new memory')
    assert.equal(said, 'Node node-1 takes no new leases; 1 lease is being retrieved, within 1 min.\n')
    assert.match((await within(NOTICED_MS_MAX, 'over', workers.closed))!.message, /^lease_retrieved: .*new memory/)
    await assert.rejects(lease(), error('lease_denied'))
    assert.match(await command('nodes'), /^node-1 +draining: new memory +2\/2 /m)
    assert.equal(await command('drain', 'node-1', '--undo'), 'Node node-1 takes new leases again.\n')
    await using again = await lease()
    assert.equal(await again.call.add(1, 2), 3)
    await workers.release()
  })

  test('who asks for the impossible is told', async () => {
    const unknown = await rfaas(['lease', 'retrieve', 'lease-0', '--manager', manager.url])
    assert.deepEqual([unknown.code, unknown.stdout], [1, ''])
    assert.match(unknown.stderr, /^rfaas: Cannot find lease lease-0: .* \[not_found\]\n$/)
    const noNode = await rfaas(['drain', 'node-9', '--manager', manager.url])
    assert.match(noNode.stderr, /^rfaas: Cannot find node node-9: .* \[not_found\]\n$/)
    const noGrace = await rfaas(['drain', 'node-1', '--grace', 'soon', '--manager', manager.url])
    assert.deepEqual([noGrace.code, /--grace/.test(noGrace.stderr)], [2, true])
  })

  test('leases --watch shows them again and again', async () => {
    await using watching = new Service(['leases', '--watch', '50ms', '--json', '--manager', manager.url])
    assert.deepEqual(await watching.ready(), [])
    await using workers = await lease()
    for (let ids: string[] = []; ids.length === 0;) {
      ids = (await watching.ready<{ leaseId: string }[]>()).map(({ leaseId }) => leaseId)
      if (ids.length > 0) assert.deepEqual(ids, [workers.id])
    }
    assert.equal((await watching.stop('SIGINT')).signal, 'SIGINT')
  })
})
