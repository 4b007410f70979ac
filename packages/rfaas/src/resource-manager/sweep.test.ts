import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { LeaseEnd } from '../control/gen/rfaas_pb.ts'
import { CLOSED_LEASE_KEPT_MS, NODE_LOST_AFTER_MS, NODE_LOST_KEPT_MS } from './limits.ts'
import { HEARTBEATS, NODES, OPEN_LEASES, POOLS, USAGE } from './records.ts'
import { CountedManager } from './test-counted-manager.ts'

type Cost = (manager: CountedManager, nodes: number, leases: number) => Promise<number>

/** What `cost` gives for a manager with some nodes and leases, and for one with ten times as many. */
async function costsOf(cost: Cost): Promise<[some: number, tenfold: number]> {
  const of = async (nodes: number, leases: number): Promise<number> => {
    await using manager = await CountedManager.start(nodes, leases)
    return await cost(manager, nodes, leases)
  }
  return [await of(4, 40), await of(40, 400)]
}

describe('the sweep', () => {
  test('a node that stays lost leaves no record behind', async () => {
    await using manager = await CountedManager.start(1, 0)
    await manager.advance(NODE_LOST_AFTER_MS)
    assert.equal((await manager.memory.list(NODES)).length, 1)
    await manager.advance(NODE_LOST_KEPT_MS)
    for (const prefix of [NODES, HEARTBEATS, POOLS]) assert.deepEqual(await manager.memory.list(prefix), [])
  })

  test('looks at what is due only: with ten times the nodes and leases, one lease that expires costs the same', async () => {
    const costs = await costsOf(async (manager, nodes, leases) => {
      await manager.rpc.requestLease({ cores: 1, memoryMib: 1, durationMs: 1_000, tenant: 'brief' })
      await manager.beatAll()
      const before = manager.operations
      await manager.advance(1_000)
      const { leases: all } = await manager.rpc.listLeases({ includeClosed: true })
      assert.equal(all.find(({ tenant }) => tenant === 'brief')?.end, LeaseEnd.EXPIRED)
      return manager.operations - before - manager.pagesOf(nodes, leases + 1)
    })
    assert.deepEqual([costs[1] <= costs[0] + 2, costs[0] < 20], [true, true], `operations: ${costs.join(', ')}`)
  })

  test('a node that is lost has its leases closed, and none of the others is read', async () => {
    await using manager = await CountedManager.start(10, 100)
    const before = manager.gets.length
    for (let second = 0; second < 5; second++) {
      await manager.beatAll('node-0')
      await manager.advance(1_000)
    }
    const { leases } = await manager.rpc.listLeases({ includeClosed: true })
    assert.deepEqual(new Set(leases.filter(({ end }) => end === LeaseEnd.NODE_LOST).map(({ nodeId }) => nodeId)), new Set(['node-0'])) // prettier-ignore
    assert.equal(leases.filter(({ end }) => end === LeaseEnd.UNSPECIFIED).length, 90)
    const others = new Set(
      leases.filter(({ nodeId }) => nodeId !== 'node-0').map(({ leaseId }) => OPEN_LEASES + leaseId),
    )
    assert.deepEqual(manager.gets.slice(before).filter((key) => others.has(key)), []) // prettier-ignore
  })

  test('a record that was left over of a node or a lease is deleted at the next start', async () => {
    await using manager = await CountedManager.start(2, 4)
    const left = [HEARTBEATS + 'gone', POOLS + 'gone', USAGE + 'lease-gone']
    await manager.memory.commit({ conditions: new Map(), changes: new Map(left.map((key) => [key, '1'])) })
    await manager.restart()
    const keys = (await manager.memory.list('')).map(({ key }) => key)
    for (const key of left) assert.ok(!keys.includes(key), key)
    assert.ok(keys.includes(HEARTBEATS + 'node-0'))
  })

  test('closed leases are forgotten one batch at a time, in the order in which they closed', async () => {
    await using manager = await CountedManager.start(1, 200)
    await manager.rpc.deregisterNode({ nodeId: 'node-0' })
    await manager.advance(CLOSED_LEASE_KEPT_MS - 1)
    assert.equal((await manager.rpc.listLeases({ includeClosed: true })).leases.length, 200)
    await manager.advance(1)
    assert.deepEqual((await manager.rpc.listLeases({ includeClosed: true })).leases, [])
    assert.deepEqual((await manager.memory.list('leases/')).map(({ key }) => key), []) // prettier-ignore
  })
})

describe('heartbeats', () => {
  test('of nodes that are known, with leases that run, cost no read and few commits', async () => {
    const costs = await costsOf(async (manager) => {
      await manager.beatAll()
      await manager.advance(1_000)
      await manager.beatAll()
      const [gets, commits] = [manager.gets.length, manager.commits]
      for (let second = 0; second < 10; second++) {
        await manager.advance(1_000)
        await manager.beatAll()
      }
      assert.deepEqual(manager.gets.slice(gets), [])
      return manager.commits - commits
    })
    // Ten seconds, and all nodes are written together.
    assert.deepEqual([costs[1] <= costs[0], costs[0] <= 12], [true, true], `commits: ${costs.join(', ')}`)
  })

  test('usage that only a heartbeat has told is in the record of the closed lease, and outlives a restart', async () => {
    await using manager = await CountedManager.start(1, 2)
    const [first, second] = manager.leasesOf('node-0') as [string, string]
    await manager.beatAll()
    await manager.advance(100)
    const usage = { invocations: 7, executionNs: 5 }
    await manager.rpc.heartbeat({ nodeId: 'node-0', leases: [first, second].map((leaseId) => ({ leaseId, usage })) })
    await manager.restart()
    const { leases } = await manager.rpc.listLeases({})
    assert.deepEqual(leases.map((lease) => lease.usage?.invocations), [7, 7]) // prettier-ignore
    await manager.rpc.heartbeat({ nodeId: 'node-0', leases: [{ leaseId: first, end: LeaseEnd.RELEASED }] })
    const closed = (await manager.rpc.listLeases({ includeClosed: true })).leases.find(
      ({ leaseId }) => leaseId === first,
    )
    assert.deepEqual([closed?.end, closed?.usage?.invocations], [LeaseEnd.RELEASED, 7])
    assert.deepEqual((await manager.memory.list(USAGE)).map(({ key }) => key), [USAGE + second]) // prettier-ignore
  })

  test('after a restart nodes have time to report before any is lost', async () => {
    await using manager = await CountedManager.start(3, 3)
    await manager.restart(60_000)
    await manager.advance(NODE_LOST_AFTER_MS - 1)
    assert.deepEqual(manager.lost, [])
    await manager.beatAll('node-1')
    await manager.advance(1)
    assert.deepEqual(manager.lost, ['node-1'])
  })
})
