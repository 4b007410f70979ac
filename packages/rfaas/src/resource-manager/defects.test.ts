import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { LeaseEnd } from '../control/gen/rfaas_pb.ts'
import { CLOSED_LEASE_KEPT_MS } from './limits.ts'
import { TestManager } from './test-manager.ts'

describe('defects of the original that concern the resource manager', () => {
  test('closing sends the wrong id and leaks capacity: every way to close gives back what that lease had', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 10)
    const sizes = [1, 2, 3, 4]
    const leases = await Promise.all(sizes.map((cores) => manager.lease({ cores, durationMs: 2_000 })))
    assert.equal(await manager.coresFree('node-1'), 0)
    const [released, crashed, expired, unknown] = leases.map(({ leaseId, token }) => ({ leaseId, token }))

    await manager.rpc.releaseLease(released!)
    assert.equal(await manager.coresFree('node-1'), 1)
    await manager.heartbeat('node-1', { leaseId: crashed!.leaseId, end: LeaseEnd.EXECUTOR_CRASHED })
    assert.equal(await manager.coresFree('node-1'), 3)
    // An id that is nobody's closes nothing.
    await manager.heartbeat('node-1', { leaseId: 'lease-0', end: LeaseEnd.RELEASED })
    await assert.rejects(manager.rpc.releaseLease({ leaseId: 'lease-0', token: unknown!.token }))
    assert.equal(await manager.coresFree('node-1'), 3)
    await manager.advance(2_000, 'node-1')
    assert.equal((await manager.find(expired!.leaseId)).end, LeaseEnd.EXPIRED)
    assert.equal(await manager.coresFree('node-1'), 10)
  })

  test('a lease that is closed by everybody at once gives its capacity back once', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const kept = await manager.lease({ cores: 2 })
    const { leaseId, token } = await manager.lease({ cores: 2, durationMs: 1_000 })
    const release = () => manager.rpc.releaseLease({ leaseId, token })
    const report = () => manager.heartbeat('node-1', { leaseId, end: LeaseEnd.RELEASED })
    const calls = [release(), report(), release(), report(), release(), report()]
    manager.clock.advance(1_000)
    await Promise.all(calls)
    assert.equal(manager.timesClosed(leaseId), 1)
    assert.equal(await manager.coresFree('node-1'), 2)
    await manager.rpc.releaseLease({ leaseId: kept.leaseId, token: kept.token })
    assert.equal(await manager.coresFree('node-1'), 4)
  })

  test('leases are never erased: closed ones are kept for a bounded time', async () => {
    await using manager = await TestManager.start({ nodeLostAfterMs: 1e9 })
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    await manager.rpc.releaseLease({ leaseId, token })
    manager.clock.advance(CLOSED_LEASE_KEPT_MS - 1)
    assert.equal((await manager.rpc.releaseLease({ leaseId, token })).lease?.end, LeaseEnd.RELEASED)
    manager.clock.advance(60_000)
    assert.deepEqual((await manager.rpc.listLeases({ includeClosed: true })).leases, [])
    await assert.rejects(manager.rpc.releaseLease({ leaseId, token }), { code: 'not_found' })
  })

  test('leases are never erased: all closed ones are kept for the time that the operator says', async () => {
    await using manager = await TestManager.start({ nodeLostAfterMs: 1e9, closedLeaseKeptMs: 60_000 })
    await manager.addNode('node-1', 4_096)
    const total = 1_100
    const leaseIds: string[] = []
    for (let i = 0; i < total; i++) leaseIds.push((await manager.lease({ memoryMib: 1 })).leaseId)
    await manager.heartbeat('node-1', ...leaseIds.map((leaseId) => ({ leaseId, end: LeaseEnd.RELEASED })))
    manager.clock.advance(59_999)
    assert.equal((await manager.rpc.listLeases({ includeClosed: true })).leases.length, total)
    manager.clock.advance(1)
    while ((await manager.rpc.listLeases({ includeClosed: true })).leases.length > 0) manager.clock.advance(0)
    assert.equal(await manager.coresFree('node-1'), 4_096)
  })

  test('a fully leased node returns to the free list whichever of its leases closes', async () => {
    for (const which of [0, 1, 2]) {
      await using manager = await TestManager.start()
      await manager.addNode('node-1', 3)
      const leases = [await manager.lease(), await manager.lease(), await manager.lease()]
      await assert.rejects(manager.lease(), { code: 'lease_denied' })
      const { leaseId, token } = leases[which]!
      await manager.rpc.releaseLease({ leaseId, token })
      assert.equal((await manager.lease()).lease.nodeId, 'node-1')
    }
  })

  test('node removal checks fields that it does not use and throws: removing an unknown node, or twice, is fine', async () => {
    await using manager = await TestManager.start()
    await manager.rpc.deregisterNode({ nodeId: 'node-9' })
    await manager.addNode('node-1', 1)
    await manager.rpc.deregisterNode({ nodeId: 'node-1' })
    await manager.rpc.deregisterNode({ nodeId: 'node-1' })
    assert.equal(manager.events.filter(({ kind }) => kind === 'node-left').length, 1)
    assert.equal((await manager.heartbeat('node-1')).known, false)
  })

  test('no client authentication: without the token of the lease nobody ends it', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease()
    await assert.rejects(manager.rpc.releaseLease({ leaseId }), { code: 'token_refused' })
    assert.equal(await manager.coresFree('node-1'), 0)
  })
})
