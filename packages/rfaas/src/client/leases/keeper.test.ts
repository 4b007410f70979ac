/** A keeper between a real resource manager and a node whose answers the test decides. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'

import {
  executorManagerClient,
  managerClient,
  type ExecutorManagerClient,
  type ManagerClient,
} from '../../control/client.ts'
import { ExecutorManagerService, LeaseEnd, LeaseState, type WatchLeaseResponse } from '../../control/gen/rfaas_pb.ts'
import { serveControl, type ControlServer } from '../../control/server.ts'
import { systemClock } from '../../clock.ts'
import { RfaasError } from '../../errors.ts'
import { startResourceManager, type ResourceManager } from '../../resource-manager/manager.ts'
import { keepAside } from './keep-aside.ts'
import { LeaseKeeper, type KeepAside } from './keeper.ts'

type News = Pick<WatchLeaseResponse, 'end' | 'message'>

/** What a node is asked, and says. */
class TestNode {
  readonly #news = Promise.withResolvers<News>()
  readonly #asked = Promise.withResolvers<void>()
  readonly watched: Promise<void> = this.#asked.promise
  readonly extended: string[] = []
  readonly deallocated: string[] = []
  onExtend: () => void = () => {}
  refusal: RfaasError | null = null
  server!: ControlServer

  static async start(): Promise<TestNode> {
    const node = new TestNode()
    node.server = await serveControl({
      host: '127.0.0.1',
      port: 0,
      routes: (router) => {
        router.service(ExecutorManagerService, {
          extend({ token }) {
            if (node.refusal) throw node.refusal
            node.extended.push(token)
            node.onExtend()
            return {}
          },
          deallocate({ token }) {
            node.deallocated.push(token)
            return {}
          },
          async *watchLease(_, { signal }) {
            yield { state: LeaseState.ACTIVE }
            node.#asked.resolve()
            const aborted = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null)))
            const news = await Promise.race([node.#news.promise, aborted])
            if (news) yield { state: LeaseState.CLOSED, ...news }
          },
        })
      },
    })
    return node
  }

  say(news: News): void {
    this.#news.resolve(news)
  }
}

describe('LeaseKeeper', { timeout: 60_000 }, () => {
  let resourceManager: ResourceManager
  let node: TestNode
  let manager: ManagerClient
  let nodeClient: ExecutorManagerClient
  let keeper: LeaseKeeper | null

  beforeEach(async () => {
    // Its clock is an hour ahead of ours: no two clocks are compared.
    const nowUnixMs = (): number => Date.now() + 3_600_000
    // The test node sends no heartbeats.
    const nodeLostAfterMs = 600_000
    resourceManager = await startResourceManager({ port: 0, nodeLostAfterMs, clock: { ...systemClock, nowUnixMs } })
    node = await TestNode.start()
    manager = managerClient(resourceManager.url)
    nodeClient = executorManagerClient(node.server.url)
    const fabrics = [{ fabric: 'tcp', address: '127.0.0.1' }]
    const described = { nodeId: 'node-1', controlUrl: node.server.url, cores: 64, memoryMib: 65_536, fabrics }
    await manager.rpc.registerNode({ node: described, leases: [] })
  })

  afterEach(async () => {
    await keeper?.release().catch(() => {})
    manager.close()
    nodeClient.close()
    await node.server.close()
    await resourceManager.close()
  })

  async function grant(durationMs = 60_000, asked = manager, aside?: KeepAside): Promise<LeaseKeeper> {
    const askedMs = systemClock.nowMonotonicMs()
    const { grants, nowUnixMs } = await manager.rpc.requestLease({
      cores: 1,
      memoryMib: 256,
      durationMs,
      fabrics: ['tcp'],
    })
    const { lease, token } = grants[0]!
    keeper = new LeaseKeeper({
      manager: asked,
      // The client is shared by several leases, each of which closes it.
      node: { rpc: nodeClient.rpc, close: () => {} },
      clock: systemClock,
      lease: lease!,
      token,
      durationMs,
      askedMs,
      nowUnixMs,
      ...(aside && { aside }),
    })
    return keeper
  }

  const closedBy = (kept: LeaseKeeper): Promise<RfaasError> => new Promise((resolve) => (kept.onClosed = resolve))

  const ENDS: [LeaseEnd, RfaasError['code']][] = [
    [LeaseEnd.EXECUTOR_CRASHED, 'executor_lost'],
    [LeaseEnd.EXPIRED, 'lease_expired'],
    [LeaseEnd.RETRIEVED, 'lease_retrieved'],
    [LeaseEnd.NODE_LOST, 'node_lost'],
    [LeaseEnd.RELEASED, 'lease_closed'],
  ]
  for (const [end, code] of ENDS) {
    const name = Object.entries(LeaseEnd).find(([, value]) => value === end)![0]
    test(`${name} on the node closes with ${code} and the node's words`, async () => {
      const kept = await grant()
      const closed = closedBy(kept)
      kept.start()
      await node.watched
      node.say({ end, message: 'as the node says it' })
      const error = await closed
      assert.equal(error.code, code)
      assert.match(error.message, new RegExp(`${kept.leaseId} on node node-1 is over: as the node says it$`))
      assert.equal(await kept.reasonForLoss(), error)
    })
  }

  test('renews at the manager and tells the node, again and again', async () => {
    const kept = await grant(300)
    const firstUnixMs = kept.expires.getTime()
    kept.start()
    await new Promise<void>((resolve) => (node.onExtend = () => node.extended.length === 4 && resolve()))
    assert.ok(kept.expires.getTime() > firstUnixMs)
    assert.equal(new Set(node.extended).size, 4)
    const [lease] = (await manager.rpc.listLeases({})).leases
    assert.equal(lease?.leaseId, kept.leaseId)
  })

  test('renews at the manager alone until the node allocates, and then takes no refusal for final', async () => {
    const kept = await grant(900)
    const { token: firstToken } = kept
    while (kept.token === firstToken) await new Promise(setImmediate)
    assert.deepEqual(node.extended, [])
    node.refusal = new RfaasError('not_found', 'nothing was allocated yet')
    const token = await kept.tokenToAllocate()
    assert.equal(token, kept.token)
    // The manager has given a token that the node has refused: it tries again.
    while (kept.token === token) await new Promise(setImmediate)
    node.refusal = null
    await new Promise<void>((resolve) => (node.onExtend = resolve))
    assert.deepEqual(node.extended, [kept.token])
  })

  test('a renewal that is refused closes the lease with that reason', async () => {
    const kept = await grant(300)
    const closed = closedBy(kept)
    kept.start()
    node.refusal = new RfaasError('lease_closed', 'the node has stopped it')
    const error = await closed
    assert.equal(error.code, 'lease_closed')
    assert.match(error.message, /the node has stopped it/)
  })

  test('without its manager the lease goes on until it expires, and then says why', async () => {
    const kept = await grant(300)
    const closed = closedBy(kept)
    kept.start()
    await resourceManager.close()
    const error = await closed
    assert.ok(Date.now() >= kept.expires.getTime())
    assert.equal(error.code, 'lease_expired')
    assert.match(error.message, /expired: Cannot reach the resource manager at /)
  })

  test('a renewal that hangs does not use up the time that the lease has: it is asked for again', async () => {
    const held = Promise.withResolvers<void>()
    let renewals = 0
    const hanging: ManagerClient['rpc'] = {
      ...manager.rpc,
      renewLease: async (request, options) => {
        if (++renewals > 1) return manager.rpc.renewLease(request, options)
        await Promise.race([held.promise, delay(options!.timeoutMs!)])
        throw new RfaasError('manager_unreachable', 'no answer in time')
      },
    }
    const kept = await grant(1500, { ...manager, rpc: hanging })
    kept.start()
    const firstUnixMs = kept.expires.getTime()
    await new Promise<void>((resolve) => (node.onExtend = resolve))
    held.resolve()
    assert.equal(renewals, 2)
    assert.ok(Date.now() < firstUnixMs)
  })

  test('a node that went away is the reason for the loss of a worker; one that is silent has none', async () => {
    const kept = await grant()
    kept.start()
    await node.watched
    const silent = await kept.reasonForLoss()
    assert.equal(silent!.code, 'executor_lost')
    assert.match(silent!.message, /the node does not say why/)
    await kept.release()

    const other = await grant()
    other.start()
    await node.server.close()
    const gone = await other.reasonForLoss()
    assert.equal(gone!.code, 'node_lost')
    assert.match(gone!.message, /is gone with its node node-1/)
  })

  test('release tells the node, then the manager, and gives the bill, also when the node is gone', async () => {
    const kept = await grant()
    kept.start()
    const bill = await kept.release()
    assert.deepEqual(bill.usage.invocations, 0)
    assert.deepEqual(node.deallocated, [kept.token])
    assert.deepEqual((await manager.rpc.listLeases({})).leases, [])

    const other = await grant()
    await node.server.close()
    assert.deepEqual((await other.release()).usage, bill.usage)
    keeper = null
  })

  const threads: Worker[] = []
  const onWorker = (worker: Worker): void => void threads.push(worker)
  /** What we were given by the manager ourselves. */
  const ownTokens = new Set<string>()

  before(() => void process.on('worker', onWorker))
  after(() => void process.off('worker', onWorker))

  /** Long enough that a busy machine renews the lease before it expires. */
  const RENEWED_MS = 2_400

  /** A lease that the thread may renew. */
  function grantAside(durationMs: number): Promise<LeaseKeeper> {
    const renewLease: ManagerClient['rpc']['renewLease'] = async (...args) => {
      const answer = await manager.rpc.renewLease(...args)
      ownTokens.add(answer.token)
      return answer
    }
    const aside: KeepAside = (lease, listener) =>
      keepAside({ ...lease, managerUrl: resourceManager.url, nodeUrl: node.server.url }, listener)
    return grant(durationMs, { ...manager, rpc: { ...manager.rpc, renewLease } }, aside)
  }

  const extendedBy = (who: 'us' | 'thread'): string[] =>
    node.extended.filter((token) => ownTokens.has(token) === (who === 'us'))

  /** Resolves when the node has been told of this many more renewals by `who`. */
  function renewedBy(who: 'us' | 'thread', more: number): Promise<void> {
    const enough = extendedBy(who).length + more
    return new Promise((resolve) => (node.onExtend = () => extendedBy(who).length >= enough && resolve()))
  }

  test('the thread renews, we do not, and are told of it', async () => {
    const kept = await grantAside(RENEWED_MS)
    const firstUnixMs = kept.expires.getTime()
    kept.start()
    await renewedBy('thread', 1)
    const ours = extendedBy('us').length
    await renewedBy('thread', 3)
    assert.equal(extendedBy('us').length, ours)
    assert.ok(kept.expires.getTime() > firstUnixMs)
    await kept.release()
    assert.equal(threads.length, 1)
  })

  test('release shows the node no older token than it has seen, whenever it comes', async () => {
    const first = await grantAside(RENEWED_MS)
    first.start()
    await renewedBy('thread', 1)
    await first.release()
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const kept = await grantAside(600)
        kept.start()
        await delay(1500 * Math.random())
        await kept.release().catch(() => {})
      }),
    )
    assert.ok(extendedBy('thread').length > 0, 'the thread has renewed')
    const highest = new Map<string, number>()
    for (const { leaseId, fence } of node.extended.map(claimsOf)) {
      highest.set(leaseId, Math.max(fence, highest.get(leaseId) ?? 0))
    }
    for (const { leaseId, fence } of node.deallocated.map(claimsOf)) {
      assert.ok(fence >= (highest.get(leaseId) ?? 0), `${leaseId}: ${fence} after ${highest.get(leaseId)}`)
    }
    assert.equal(node.deallocated.length, 13)
  })

  test('when the thread dies its leases are renewed here, and the next one has a thread again', async () => {
    const kept = await grantAside(RENEWED_MS)
    let closed: RfaasError | null = null
    kept.onClosed = (error) => (closed = error)
    kept.start()
    await renewedBy('thread', 1)
    const gone = once(threads.at(-1)!, 'exit')
    await threads.at(-1)!.terminate()
    await gone
    await renewedBy('us', 3)
    assert.equal(closed, null)
    await kept.release()
    assert.deepEqual(claimsOf(node.deallocated.at(-1)!), claimsOf(kept.token))

    const threadsBefore = threads.length
    const next = await grantAside(RENEWED_MS)
    next.start()
    await renewedBy('thread', 1)
    assert.equal(threads.length, threadsBefore + 1)
    await next.release()
  })
})

function claimsOf(token: string): { leaseId: string; fence: number } {
  const { sub, fence } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<
    string,
    unknown
  >
  return { leaseId: String(sub), fence: Number(fence) }
}
