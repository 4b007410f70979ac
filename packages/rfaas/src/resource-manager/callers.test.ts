import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { DEFAULT_PRICES } from '../accounting/usage.ts'
import { systemClock } from '../clock.ts'
import { managerClient } from '../control/client.ts'
import { serveControl } from '../control/server.ts'
import { generateKeys } from '../lease/ed25519.ts'
import { HEARTBEAT_INTERVAL_MS } from '../lease/limits.ts'
import { systemRandomness } from '../randomness.ts'
import { CLOSED_LEASE_KEPT_MS, NODE_LOST_AFTER_MS, PREEMPTION_GRACE_MS } from './limits.ts'
import { MemoryStore } from './memory-store.ts'
import { LEASES_OF, NODES, OPEN_LEASES, REQUESTS } from './records.ts'
import { TestManager } from './test-manager.ts'
import { wireManager } from './wiring.ts'

const DAY_MS = 24 * 60 * 60_000
const REQUEST = { cores: 1, memoryMib: 1, durationMs: DAY_MS }

describe('a request with an id', () => {
  test('that comes again gets the same leases, however often, and also while others wait', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    await manager.addNode('node-2', 4)
    const request = { cores: 6, nodesMax: 2, requestId: 'request-1' }
    const first = await manager.leases(request)
    const again = await Promise.all([manager.leases(request), manager.leases(request)])
    const idsOf = ({ grants }: typeof first): string[] => grants.map(({ lease }) => lease!.leaseId)
    assert.equal(first.grants.length, 2)
    for (const answer of again) assert.deepEqual(idsOf(answer), idsOf(first))
    const waiting = assert.rejects(manager.rpc.awaitLease({ request: { ...REQUEST, cores: 4 }, waitMs: 1_000 }))
    assert.deepEqual(idsOf(await manager.leases(request)), idsOf(first))
    assert.equal((await manager.rpc.listLeases({})).leases.length, 2)
    manager.clock.advance(1_000)
    await waiting
  })

  test('of another tenant, or after one of its leases has closed, is another request', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const first = await manager.lease({ requestId: 'a' })
    assert.notEqual((await manager.lease({ requestId: 'a', tenant: 'other' })).leaseId, first.leaseId)
    await manager.rpc.releaseLease({ leaseId: first.leaseId, token: first.token })
    assert.notEqual((await manager.lease({ requestId: 'a' })).leaseId, first.leaseId)
    await assert.rejects(manager.lease({ requestId: 'a b' }), {
      code: 'invalid_argument',
      message: /request_id is "a b"/,
    })
  })

  test('twenty at once with one id get one lease', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 32)
    const leases = await Promise.all(Array.from({ length: 20 }, () => manager.lease({ requestId: 'a' })))
    assert.equal(new Set(leases.map(({ leaseId }) => leaseId)).size, 1)
  })
})

test('twenty callers that are gone when their lease is granted leave none open', async () => {
  const store = new MemoryStore()
  const { promise: granting, resolve: haveGranting } = Promise.withResolvers<void>()
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>()
  let isGated = false
  const wired = wireManager({
    store: {
      get: (key) => store.get(key),
      list: (prefix) => store.list(prefix),
      page: (...asked) => store.page(...asked),
      foreignCommits: () => store.foreignCommits(),
      close: () => store.close(),
      commit: async (commit) => {
        if (isGated && [...commit.changes].some(([key, value]) => key.startsWith(LEASES_OF) && value === '')) {
          haveGranting()
          await gate
        }
        return store.commit(commit)
      },
    },
    clock: systemClock,
    keys: await generateKeys(),
    randomness: systemRandomness,
    prices: DEFAULT_PRICES,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    nodeLostAfterMs: 1e9,
    preemptionGraceMs: PREEMPTION_GRACE_MS,
    closedLeaseKeptMs: CLOSED_LEASE_KEPT_MS,
  })
  assert.ok(NODE_LOST_AFTER_MS < 1e9)
  const server = await serveControl({ host: '127.0.0.1', port: 0, routes: wired.routes })
  const client = managerClient(server.url)
  try {
    const fabrics = [{ fabric: 'tcp', address: '127.0.0.1' }]
    const node = { nodeId: 'node-1', cores: 32, memoryMib: 32, controlUrl: 'http://127.0.0.1:7071', fabrics }
    await client.rpc.registerNode({ node })
    isGated = true
    const gone = new AbortController()
    const asking = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0
        ? client.rpc.requestLease({ ...REQUEST, requestId: `request-${n}` }, { signal: gone.signal })
        : client.rpc.awaitLease({ request: REQUEST, waitMs: 1_000 }, { signal: gone.signal }),
    )
    await granting
    // On the same connection, so that the manager has all requests before it; and below, so that it knows of their ends.
    await client.rpc.heartbeat({ nodeId: 'node-1' })
    gone.abort()
    for (const result of await Promise.allSettled(asking)) assert.equal(result.status, 'rejected')
    await client.rpc.heartbeat({ nodeId: 'node-1' })
    openGate()
    for (;;) {
      const { leases } = await client.rpc.listLeases({ includeClosed: true })
      if (leases.length === 20 && (await store.list(OPEN_LEASES)).length === 0) break
    }
    for (const prefix of [LEASES_OF, REQUESTS]) assert.deepEqual(await store.list(prefix), [])
    assert.equal((JSON.parse((await store.get(NODES + 'node-1'))!.value) as { coresLeased: number }).coresLeased, 0)
  } finally {
    client.close()
    await server.close()
    await wired.close()
  }
})

test('a node that has not registered cannot be watched: its streams would cost memory for nothing', async () => {
  await using manager = await TestManager.start()
  const watch = async (): Promise<void> => {
    for await (const _ of manager.rpc.watchNode({ nodeId: 'node-9' })) assert.fail()
  }
  await assert.rejects(watch(), { code: 'not_found', message: /Cannot watch node node-9: it has not registered here/ })
})

test('a lease whose record is forgotten: its holder hears that it has ended, and how long that is kept', async () => {
  await using manager = await TestManager.start({ closedLeaseKeptMs: 60_000, nodeLostAfterMs: 1e9 })
  await manager.addNode('node-1', 1)
  const { leaseId, token } = await manager.lease()
  await manager.rpc.releaseLease({ leaseId, token })
  manager.clock.advance(60_000)
  await assert.rejects(manager.rpc.renewLease({ leaseId, token, durationMs: 1_000 }), {
    code: 'not_found',
    message: /it was granted here and has ended; how it ended is kept for 1 minutes only/,
  })
})
