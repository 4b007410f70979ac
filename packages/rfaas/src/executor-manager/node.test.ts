import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { connect } from '../client/cluster.ts'
import { executorManagerClient, managerClient } from '../control/client.ts'
import { LeaseEnd, LeaseState } from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo } from '../control/gen/rfaas_pb.ts'
import { onManagerEvent } from '../resource-manager/events.ts'
import { startResourceManager } from '../resource-manager/manager.ts'
import type { ResourceManagerOptions } from '../resource-manager/manager.ts'
import type { LeaseRecord } from '../resource-manager/records.ts'
import { nodeEvents } from './events.ts'
import type { NodeEvent } from './events.ts'
import { startNode } from './node.ts'
import type { Node } from './node.ts'
import { orderBundle, testFolder } from './test-executor.ts'
import type { Order, TestFolder } from './test-executor.ts'

/** Heartbeats so rare that no test sees one: the manager knows only what it was told at once. */
const RARELY = { heartbeatIntervalMs: 100_000, nodeLostAfterMs: 1_000_000 }
const OFTEN = { heartbeatIntervalMs: 50, nodeLostAfterMs: 10_000 }
const SHAPE = { fabric: 'local', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 1 }

describe('startNode', { timeout: 120_000 }, () => {
  let folder: TestFolder
  before(async () => void (folder = await testFolder()))
  after(() => folder[Symbol.asyncDispose]())

  async function setUp(options: ResourceManagerOptions) {
    const stack = new AsyncDisposableStack()
    const manager = await startResourceManager({ port: 0, ...options })
    stack.defer(() => manager.close())
    const start = (more: object = {}): Promise<Node> =>
      startNode({
        managerUrl: manager.url,
        cacheDir: join(folder.path, 'bundles'),
        executorPath: folder.executorPath,
        cores: 4,
        memoryMib: 1024,
        ...more,
      })
    const node = await start()
    stack.defer(() => node.close())
    const { rpc, close } = managerClient(manager.url)
    stack.defer(close)
    const { rpc: nodeRpc, close: closeNode } = executorManagerClient(node.url)
    stack.defer(closeNode)
    /** Requests a lease, uploads and allocates, as a client does. */
    const lease = async (order: Order) => {
      const { grants } = await rpc.requestLease({ tenant: 't', cores: 2, memoryMib: 512, durationMs: 60_000 })
      const { lease, token } = grants[0]!
      const { sha256, code } = orderBundle(order)
      const { present } = await nodeRpc.hasBundle({ token, sha256 })
      if (!present) await nodeRpc.putBundle({ token, sha256, code })
      const allocated = await nodeRpc.allocate({ token, bundleSha256: sha256, ...SHAPE })
      const pid = allocated.workers[0]!.address.split(' ')[2]!
      return { leaseId: lease!.leaseId, token, allocated, pid }
    }
    const leaseAtManager = async (leaseId: string): Promise<LeaseInfo> => {
      const { leases } = await rpc.listLeases({ includeClosed: true })
      return leases.find((each) => each.leaseId === leaseId)!
    }
    const dispose = (): Promise<void> => stack.disposeAsync()
    return { manager, node, rpc, nodeRpc, start, lease, leaseAtManager, [Symbol.asyncDispose]: dispose }
  }

  /** Resolves at the next event of that kind. */
  function nodeEvent(kind: NodeEvent['kind']): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const listener = (event: unknown): void => {
      if ((event as NodeEvent).kind !== kind) return
      nodeEvents.unsubscribe(listener)
      resolve(undefined)
    }
    nodeEvents.subscribe(listener)
    return promise as Promise<void>
  }

  it('registers what it offers and deregisters when it closes; closing twice is fine', async () => {
    await using setup = await setUp(RARELY)
    const [info, ...others] = (await setup.rpc.listNodes({})).nodes
    assert.equal(others.length, 0)
    assert.deepEqual([info?.nodeId, info?.controlUrl], [setup.node.nodeId, setup.node.url])
    assert.deepEqual([info?.cores, info?.memoryMib], [4, 1024])
    assert.deepEqual(
      info?.fabrics.map(({ fabric }) => fabric),
      setup.node.fabrics,
    )
    await Promise.all([setup.node.close(), setup.node.close()])
    await setup.node.close()
    assert.deepEqual((await setup.rpc.listNodes({})).nodes, [])
    await assert.rejects(setup.nodeRpc.hasBundle({}), { code: 'node_unreachable' })
  })

  it('serves a lease from upload to release; the manager knows its usage when the answer comes', async () => {
    await using setup = await setUp(RARELY)
    const { leaseId, token, allocated } = await setup.lease('serve')
    assert.deepEqual(
      allocated.workers.map(({ secret }) => secret.length),
      [32, 32],
    )
    assert.deepEqual(
      allocated.functions.map(({ name, raw }) => [name, raw]),
      [['f', true]],
    )
    assert.ok(allocated.startMs > 0)
    const { usage } = await setup.nodeRpc.deallocate({ token })
    const atManager = await setup.leaseAtManager(leaseId)
    assert.deepEqual([atManager.state, atManager.end], [LeaseState.CLOSED, LeaseEnd.RELEASED])
    assert.deepEqual(atManager.usage, usage)
    assert.deepEqual([usage?.hotPollingNs, usage?.executionNs, usage?.invocations], [5, 7, 1])
    assert.deepEqual((await setup.nodeRpc.deallocate({ token })).usage, usage)
  })

  it('tells client and manager of a crash at once', async () => {
    await using setup = await setUp(RARELY)
    const heard = Promise.withResolvers<LeaseRecord>()
    const unsubscribe = onManagerEvent((event) => {
      if (event.kind === 'lease-closed') heard.resolve(event.lease)
    })
    const { leaseId, token } = await setup.lease('crash')
    const news = []
    for await (const each of setup.nodeRpc.watchLease({ token })) news.push(each)
    const last = news.at(-1)
    assert.deepEqual([last?.state, last?.end], [LeaseState.CLOSED, LeaseEnd.EXECUTOR_CRASHED])
    assert.match(last!.message, /the process ended with code 9; its last output:\nlast words$/)
    const atManager = await heard.promise
    unsubscribe()
    assert.deepEqual([atManager.leaseId, atManager.end], [leaseId, 'executor_crashed'])
    assert.equal(atManager.usage.executionNs, 7)
  })

  it('closing retrieves the leases that run: watchers hear of it, the manager gets the usage', async () => {
    await using setup = await setUp(RARELY)
    const { leaseId, token, pid } = await setup.lease('serve')
    const watching = setup.nodeRpc.watchLease({ token })[Symbol.asyncIterator]()
    assert.equal((await watching.next()).value?.state, LeaseState.ACTIVE)
    const next = watching.next()
    await setup.node.close()
    assert.equal((await next).value?.end, LeaseEnd.RETRIEVED)
    assert.equal((await watching.next()).done, true)
    assert.equal(existsSync(`/proc/${pid}`), false)
    const { end, usage } = await setup.leaseAtManager(leaseId)
    assert.deepEqual([end, usage?.executionNs], [LeaseEnd.RETRIEVED, 7])
  })

  it('stops a lease that was released at the manager alone', async () => {
    await using setup = await setUp(OFTEN)
    const { leaseId, token } = await setup.lease('serve')
    const closed = nodeEvent('lease-closed')
    await setup.rpc.releaseLease({ leaseId, token })
    await closed
    const { usage } = await setup.nodeRpc.deallocate({ token })
    assert.equal(usage?.invocations, 1)
    assert.equal((await setup.leaseAtManager(leaseId)).end, LeaseEnd.RELEASED)
  })

  it('runs on while the manager is away, and goes on with one that has kept its store', async () => {
    const dataPath = join(folder.path, 'manager.sqlite')
    await using setup = await setUp({ ...OFTEN, dataPath })
    const { leaseId, token, pid } = await setup.lease('serve')
    const away = nodeEvent('manager-away')
    await setup.manager.close()
    await away
    const back = nodeEvent('manager-back')
    const manager = await startResourceManager({ ...OFTEN, dataPath, port: Number(new URL(setup.manager.url).port) })
    try {
      await back
      assert.equal(existsSync(`/proc/${pid}`), true)
      await setup.nodeRpc.deallocate({ token })
      const { end, usage } = await setup.leaseAtManager(leaseId)
      assert.deepEqual([end, usage?.invocations], [LeaseEnd.RELEASED, 1])
      await setup.node.close()
    } finally {
      await manager.close()
    }
  })

  it('registers again with a manager that has forgotten it, and stops what that does not know', async () => {
    await using setup = await setUp(OFTEN)
    const { pid } = await setup.lease('serve')
    const [away, closed] = [nodeEvent('manager-away'), nodeEvent('lease-closed')]
    await setup.manager.close()
    await away
    const registered = nodeEvent('registered')
    const manager = await startResourceManager({ ...OFTEN, port: Number(new URL(setup.manager.url).port) })
    try {
      await registered
      await closed
      assert.equal(existsSync(`/proc/${pid}`), false)
      const { nodes } = await setup.rpc.listNodes({})
      assert.deepEqual(
        nodes.map(({ nodeId, coresFree }) => [nodeId, coresFree]),
        [[setup.node.nodeId, 4]],
      )
      // Its tokens are signed with another key now.
      const served = await setup.lease('serve')
      await setup.nodeRpc.deallocate({ token: served.token })
      await setup.node.close()
    } finally {
      await manager.close()
    }
  })

  it('refuses every call without a good token', async () => {
    await using setup = await setUp(RARELY)
    const { nodeRpc } = setup
    const { sha256, code } = orderBundle('serve')
    await using elsewhere = await setUp(RARELY)
    const foreign = (await elsewhere.lease('serve')).token
    for (const token of ['', 'forged', foreign]) {
      const refused = { code: 'token_refused' }
      await assert.rejects(nodeRpc.hasBundle({ token, sha256 }), refused)
      await assert.rejects(nodeRpc.putBundle({ token, sha256, code }), refused)
      await assert.rejects(nodeRpc.allocate({ token, bundleSha256: sha256, ...SHAPE }), refused)
      await assert.rejects(nodeRpc.extend({ token }), refused)
      await assert.rejects(nodeRpc.deallocate({ token }), refused)
      await assert.rejects(nodeRpc.watchLease({ token })[Symbol.asyncIterator]().next(), refused)
    }
  })

  it('says what is wrong when it cannot start, and leaves nothing open', async () => {
    await using setup = await setUp(RARELY)
    const port = Number(new URL(setup.node.url).port)
    await assert.rejects(setup.start({ port }), { code: 'invalid_argument', message: /the port is in use/ })
    await assert.rejects(setup.start({ managerUrl: 'http://127.0.0.1:1' }), { code: 'manager_unreachable' })
    await assert.rejects(setup.start({ cacheDir: join(folder.executorPath, 'bundles') }), {
      code: 'invalid_argument',
      message: /Cannot keep bundles in .*: ENOTDIR/,
    })
  })

  it('takes its executors with it when it is killed', async () => {
    await using setup = await setUp(RARELY)
    await setup.node.close()
    const functions = join(folder.path, 'functions.ts')
    await writeFile(functions, 'export const forever = () => new Promise(() => {})')
    const options = { managerUrl: setup.manager.url, cacheDir: join(folder.path, 'bundles'), cores: 4 }
    const program = `
      import { startNode } from ${JSON.stringify(import.meta.resolve('./node.ts'))}
      console.log((await startNode(${JSON.stringify(options)})).url)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(createInterface(child.stdout), 'line')
      await using cluster = await connect(setup.manager.url)
      const lease = await cluster.lease<{ forever: () => Promise<void> }>({ functions, memoryMib: 256 })
      const call = lease.call.forever()
      child.kill('SIGKILL')
      // The node was killed and cannot have reported it: the worker's own channel has.
      await assert.rejects(call, { code: 'node_lost' })
    } finally {
      child.kill('SIGKILL')
    }
  })
})
