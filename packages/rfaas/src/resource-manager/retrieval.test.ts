import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { LeaseEnd, LeaseState, NodeState } from '../control/gen/rfaas_pb.ts'
import { RETRIEVAL_GRACE_MS_MAX } from '../lease/limits.ts'
import { LEASE_TERMINATING_MS_MAX } from './limits.ts'
import { TestManager } from './test-manager.ts'

describe('retrieveLease', () => {
  test('a lease that runs ends when its node has stopped it; until then the node is told, with the time that is left', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const { leaseId, token } = await manager.lease()
    await manager.heartbeat('node-1', { leaseId })
    const { lease } = await manager.rpc.retrieveLease({ leaseId, graceMs: 5000, reason: 'kernel update' })
    assert.deepEqual(
      [lease?.state, lease?.end, lease?.endMessage],
      [LeaseState.TERMINATING, LeaseEnd.RETRIEVED, 'kernel update'],
    )
    await assert.rejects(manager.rpc.renewLease({ leaseId, token, durationMs: 1000 }), { code: 'lease_retrieved' })

    const { retrievals, closedLeaseIds } = await manager.heartbeat('node-1', { leaseId })
    assert.deepEqual([retrievals.length, closedLeaseIds], [1, []])
    assert.deepEqual([retrievals[0]?.graceMs, retrievals[0]?.message], [5000, 'kernel update'])
    manager.clock.advance(1500)
    assert.equal((await manager.heartbeat('node-1', { leaseId })).retrievals[0]?.graceMs, 3500)
    await manager.rpc.retrieveLease({ leaseId, graceMs: 100 })
    assert.equal((await manager.heartbeat('node-1', { leaseId })).retrievals[0]?.graceMs, 100)
    manager.clock.advance(1000)
    assert.equal((await manager.heartbeat('node-1', { leaseId })).retrievals[0]?.graceMs, 0)
    assert.equal(await manager.coresFree('node-1'), 3, 'it is not free before the node says so')

    await manager.heartbeat('node-1', { leaseId, end: LeaseEnd.RETRIEVED })
    const closed = await manager.find(leaseId)
    assert.deepEqual(
      [closed.state, closed.end, closed.endMessage],
      [LeaseState.CLOSED, LeaseEnd.RETRIEVED, 'kernel update'],
    )
    assert.equal(await manager.coresFree('node-1'), 4)
    assert.equal(manager.timesClosed(leaseId), 1)
  })

  test('one that has not begun to run is closed at once, and may not begin', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease()
    const { lease } = await manager.rpc.retrieveLease({ leaseId })
    assert.deepEqual([lease?.state, lease?.end], [LeaseState.CLOSED, LeaseEnd.RETRIEVED])
    assert.equal(await manager.coresFree('node-1'), 1)
    assert.deepEqual((await manager.heartbeat('node-1', { leaseId })).closedLeaseIds, [leaseId])
  })

  test('a node that lives but never says that it has stopped it: closed some time after the grace', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease()
    await manager.heartbeat('node-1', { leaseId })
    await manager.rpc.retrieveLease({ leaseId, graceMs: 30_000 })
    await manager.advance(30_000 + LEASE_TERMINATING_MS_MAX - 1000, 'node-1')
    assert.equal((await manager.find(leaseId)).state, LeaseState.TERMINATING)
    await manager.advance(2000, 'node-1')
    assert.deepEqual((await manager.find(leaseId)).end, LeaseEnd.RETRIEVED)
  })

  test('says what is wrong: no such lease, one that has ended, a grace or a reason out of bounds', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    await manager.rpc.releaseLease({ leaseId, token })
    const retrieve = (request: object) => manager.rpc.retrieveLease({ leaseId, ...request })
    await assert.rejects(retrieve({ leaseId: 'lease-0' }), { code: 'not_found' })
    await assert.rejects(retrieve({}), { code: 'lease_closed', message: /it is closed \(released\)/ })
    for (const graceMs of [-1, NaN, RETRIEVAL_GRACE_MS_MAX + 1]) {
      await assert.rejects(retrieve({ graceMs }), {
        code: 'invalid_argument',
        message: new RegExp(`grace_ms is ${graceMs}`),
      })
    }
    for (const reason of ['two\nlines', 'x'.repeat(257)]) {
      await assert.rejects(retrieve({ reason }), { code: 'invalid_argument', message: /reason is "/ })
    }
  })
})

describe('drainNode', () => {
  test('takes no new leases and retrieves those that run, until it is undone', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const runs = await manager.lease()
    await manager.heartbeat('node-1', { leaseId: runs.leaseId })
    const waits = await manager.lease()
    const released = await manager.lease()
    await manager.heartbeat('node-1', { leaseId: released.leaseId })
    await manager.rpc.releaseLease({ leaseId: released.leaseId, token: released.token })

    const { leases } = await manager.rpc.drainNode({ nodeId: 'node-1', graceMs: 1000, reason: 'kernel update' })
    assert.deepEqual(new Set(leases.map(({ leaseId }) => leaseId)), new Set([runs.leaseId, waits.leaseId]))
    const node = await manager.node('node-1')
    assert.deepEqual([node.state, node.drainReason], [NodeState.DRAINING, 'kernel update'])
    await assert.rejects(manager.lease(), { code: 'lease_denied' })
    const told = await manager.heartbeat('node-1', { leaseId: runs.leaseId })
    assert.equal(told.retrievals[0]?.leaseId, runs.leaseId)
    assert.equal((await manager.find(waits.leaseId)).end, LeaseEnd.RETRIEVED)
    await manager.heartbeat('node-1', { leaseId: runs.leaseId, end: LeaseEnd.RETRIEVED })

    // Also over a restart of the node.
    await manager.addNode('node-1', 4)
    await assert.rejects(manager.lease(), { code: 'lease_denied' })
    await manager.rpc.drainNode({ nodeId: 'node-1', undo: true })
    assert.equal((await manager.node('node-1')).state, NodeState.READY)
    await manager.lease({ cores: 3 })
  })

  test('says that there is no such node', async () => {
    await using manager = await TestManager.start()
    await assert.rejects(manager.rpc.drainNode({ nodeId: 'node-9' }), { code: 'not_found' })
    await assert.rejects(manager.rpc.drainNode({ nodeId: 'node-9', undo: true }), { code: 'not_found' })
  })
})

test('watchNode says at once that there is something to hear', async () => {
  await using manager = await TestManager.start()
  await manager.addNode('node-1', 1)
  const { leaseId } = await manager.lease()
  await manager.heartbeat('node-1', { leaseId })
  const left = new AbortController()
  const watching = manager.rpc.watchNode({ nodeId: 'node-1' }, { signal: left.signal })[Symbol.asyncIterator]()
  const first = watching.next()
  // The watch request may still be on its way to the manager, so retrieve repeatedly until the nudge arrives.
  let isTold = false
  void first.then(() => (isTold = true))
  for (let graceMs = 10_000; !isTold; graceMs--) {
    await manager.rpc.retrieveLease({ leaseId, graceMs })
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await first).done, false)
  left.abort()
  await assert.rejects(watching.next())
})
