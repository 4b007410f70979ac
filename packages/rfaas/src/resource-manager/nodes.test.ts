import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { NodeInfoSchema } from '../control/gen/rfaas_pb.ts'
import { LeaseEnd, LeaseState, NodeState } from '../control/gen/rfaas_pb.ts'
import { NODE_LOST_AFTER_MS, NODE_LOST_KEPT_MS } from './limits.ts'
import { TestManager } from './test-manager.ts'

describe('RegisterNode', () => {
  const bad: [MessageInitShape<typeof NodeInfoSchema>, RegExp][] = [
    [{ nodeId: '' }, /node_id is ""/],
    [{ cores: 0 }, /cores is 0/],
    [{ memoryMib: 0 }, /memory_mib is 0/],
    [{ controlUrl: 'nowhere' }, /control_url is "nowhere", must be an http URL/],
    [{ fabrics: [] }, /it offers no fabric/],
    [{ fabrics: [{ fabric: 'local' }] }, /its offer of local has no host_id/],
    [{ labels: { '-zone': 'a' } }, /Cannot register node node-1: a label is "-zone", must be 1 to 64 letters/],
    [{ resources: { gpu: 5000 } }, /resource gpu is 5000, must be a whole number from 1 to 4096/],
    [{ fabrics: [{ fabric: 'verbs' }] }, /its offer of verbs has no address/],
  ]
  test('refuses a description that nothing could be done with, with the value that was given', async () => {
    await using manager = await TestManager.start()
    for (const [description, message] of bad) {
      await assert.rejects(manager.addNode('node-1', 4, description), { code: 'invalid_argument', message })
    }
    await assert.rejects(manager.rpc.registerNode({}), { code: 'invalid_argument' })
    assert.deepEqual((await manager.rpc.listNodes({})).nodes, [])
  })

  test('again, as after a restart: leases that it still runs go on, those that it lost close', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const kept = await manager.lease()
    const lost = await manager.lease()
    const unused = await manager.lease()
    await manager.heartbeat('node-1', { leaseId: kept.leaseId }, { leaseId: lost.leaseId })
    const description = { ...(await manager.node('node-1')), cores: 6 }
    await manager.rpc.registerNode({ node: description, leases: [{ leaseId: kept.leaseId }] })
    assert.equal((await manager.find(kept.leaseId)).state, LeaseState.ACTIVE)
    assert.equal((await manager.find(lost.leaseId)).end, LeaseEnd.EXECUTOR_CRASHED)
    assert.equal((await manager.find(unused.leaseId)).state, LeaseState.GRANTED)
    assert.equal(await manager.coresFree('node-1'), 4)
  })

  test('a copy that comes late closes nothing that has begun since', async () => {
    await using manager = await TestManager.start()
    const { run } = await manager.rpc.beginRun({})
    await manager.addNode('node-1', 2)
    const registration = { node: await manager.node('node-1'), run }
    await manager.rpc.registerNode(registration)
    const { leaseId } = await manager.lease()
    await manager.rpc.heartbeat({ nodeId: 'node-1', run, leases: [{ leaseId }] })
    await manager.rpc.registerNode(registration)
    assert.equal((await manager.find(leaseId)).state, LeaseState.ACTIVE)
    assert.equal(await manager.coresFree('node-1'), 1)
  })

  test('what comes late from an older run is refused, and its deregistration ends nothing', async () => {
    await using manager = await TestManager.start()
    const { run: older } = await manager.rpc.beginRun({})
    const { run } = await manager.rpc.beginRun({})
    assert.ok(run > older)
    await manager.addNode('node-1', 2)
    const node = await manager.node('node-1')
    await manager.rpc.registerNode({ node, run })
    const { leaseId } = await manager.lease()
    await manager.rpc.heartbeat({ nodeId: 'node-1', run, leases: [{ leaseId }] })
    const refused = {
      code: 'node_exists',
      message: new RegExp(`the request is from its run ${older}, but its run ${run} has registered`),
    }
    await assert.rejects(manager.rpc.registerNode({ node, run: older }), refused)
    await assert.rejects(manager.rpc.heartbeat({ nodeId: 'node-1', run: older }), refused)
    await manager.rpc.deregisterNode({ nodeId: 'node-1', run: older })
    assert.equal((await manager.find(leaseId)).state, LeaseState.ACTIVE)
    await manager.rpc.deregisterNode({ nodeId: 'node-1', run })
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.RETRIEVED)
  })

  test('a name belongs to the node that has it until that is lost, or found to have ended', async () => {
    await using manager = await TestManager.start()
    const register = async (port: number, replaces?: number) => {
      const { run } = await manager.rpc.beginRun({})
      const node = { nodeId: 'node-1', controlUrl: `http://127.0.0.1:${port}`, cores: 2, memoryMib: 2048 }
      const fabrics = [{ fabric: 'tcp', address: '127.0.0.1' }]
      return {
        run,
        ...(await manager.rpc.registerNode({
          node: { ...node, fabrics },
          run,
          ...(replaces === undefined ? {} : { replaces }),
        })),
      }
    }
    const first = await register(7071)
    assert.equal(first.former, undefined)
    const { leaseId } = await manager.lease()
    await manager.rpc.heartbeat({ nodeId: 'node-1', run: first.run, leases: [{ leaseId }] })
    const second = await register(7072)
    assert.equal(second.former?.run, first.run)
    assert.equal(second.former.controlUrl, 'http://127.0.0.1:7071')
    assert.equal(second.former.lastHeartbeatUnixMs, manager.clock.nowUnixMs())
    // Nothing has changed for the first one; the second one is not known.
    assert.equal((await manager.rpc.heartbeat({ nodeId: 'node-1', run: first.run, leases: [{ leaseId }] })).known, true)
    assert.equal((await manager.rpc.heartbeat({ nodeId: 'node-1', run: second.run })).known, false)
    assert.equal((await manager.find(leaseId)).state, LeaseState.ACTIVE)
    assert.equal((await register(7072, second.run)).former?.run, first.run, 'that is not the run which has the name')

    assert.equal((await register(7072, first.run)).former, undefined)
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.EXECUTOR_CRASHED)
    await assert.rejects(manager.rpc.heartbeat({ nodeId: 'node-1', run: first.run }), { code: 'node_exists' })
    // On the same place it is the same node, restarted.
    assert.equal((await register(7072)).former, undefined)
    await manager.advance(NODE_LOST_AFTER_MS + 1000)
    assert.equal((await manager.node('node-1')).state, NodeState.LOST)
    assert.equal((await register(7073)).former, undefined)
  })

  test('a heartbeat of a run that has not registered is answered as that of an unknown node', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    const { run } = await manager.rpc.beginRun({})
    assert.equal((await manager.rpc.heartbeat({ nodeId: 'node-1', run })).known, false)
  })

  test('again with fewer resources than are leased: none is free until enough have closed', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4, { resources: { gpu: 2 } })
    const { leaseId, token } = await manager.lease({ resources: { gpu: 2 } })
    await manager.addNode('node-1', 4, { resources: { gpu: 1 }, labels: { zone: 'a' } })
    assert.deepEqual((await manager.node('node-1')).resourcesFree, {})
    await manager.rpc.releaseLease({ leaseId, token })
    assert.deepEqual((await manager.node('node-1')).resourcesFree, { gpu: 1 })
    assert.deepEqual((await manager.node('node-1')).labels, { zone: 'a' })
  })

  test('again with fewer cores than are leased: nothing is free until enough has closed', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const { leaseId, token } = await manager.lease({ cores: 2 })
    await manager.lease({ cores: 2 })
    await manager.addNode('node-1', 3)
    assert.equal(await manager.coresFree('node-1'), 0)
    await manager.rpc.releaseLease({ leaseId, token })
    assert.equal(await manager.coresFree('node-1'), 1)
  })
})

describe('Heartbeat', () => {
  test('of an unknown node asks it to register', async () => {
    await using manager = await TestManager.start()
    assert.equal((await manager.heartbeat('node-1')).known, false)
    await manager.addNode('node-1', 1)
    assert.equal((await manager.heartbeat('node-1')).known, true)
  })

  test('reports of usage are counted exactly once, however often and in whichever order they come', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease()
    const usage = (n: number) => ({
      allocationCoreS: n,
      allocationGibS: n / 2,
      hotPollingNs: n * 1e6,
      executionNs: n * 1e3,
      invocations: n,
    })
    for (const n of [1, 3, 3, 2, 1]) await manager.heartbeat('node-1', { leaseId, usage: usage(n) })
    await manager.heartbeat('node-1', { leaseId, usage: usage(5), end: LeaseEnd.RELEASED })
    await manager.heartbeat('node-1', { leaseId, usage: usage(5), end: LeaseEnd.RELEASED })
    await manager.heartbeat('node-1', { leaseId, usage: usage(4) })
    const { $typeName: _name, ...counted } = (await manager.find(leaseId)).usage!
    assert.deepEqual(counted, usage(5))
    assert.equal(await manager.coresFree('node-1'), 1)
  })

  test('a node cannot end or bill the lease of another; it is told to stop it', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    await manager.addNode('node-2', 1)
    const { leaseId } = await manager.lease({ nodeId: 'node-1' })
    const usage = { invocations: 1e9 }
    await manager.heartbeat('node-2', { leaseId, usage, end: LeaseEnd.RELEASED })
    assert.deepEqual((await manager.heartbeat('node-2', { leaseId, usage })).closedLeaseIds, [leaseId])
    const lease = await manager.find(leaseId)
    assert.deepEqual([lease.state, lease.usage?.invocations], [LeaseState.GRANTED, 0])
  })

  test('usage that is no number is refused as a whole', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease()
    await assert.rejects(manager.heartbeat('node-1', { leaseId, usage: { executionNs: -1 } }), {
      code: 'invalid_argument',
      message: /executionNs: -1 is negative/,
    })
    assert.equal((await manager.find(leaseId)).state, LeaseState.GRANTED)
  })
})

describe('a silent node', () => {
  test('is lost after nodeLostAfterMs, its leases close, and no lease is placed on it', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    await manager.addNode('node-2', 1)
    const used = await manager.lease({ nodeId: 'node-1' })
    const unused = await manager.lease({ nodeId: 'node-1' })
    const elsewhere = await manager.lease({ nodeId: 'node-2' })
    await manager.heartbeat('node-1', { leaseId: used.leaseId, usage: { invocations: 3 } })
    await manager.advance(3_499, 'node-2')
    assert.equal((await manager.node('node-1')).state, NodeState.READY)
    await manager.advance(1, 'node-2')
    const node = await manager.node('node-1')
    assert.deepEqual([node.state, node.coresFree], [NodeState.LOST, 0])
    for (const { leaseId } of [used, unused]) assert.equal((await manager.find(leaseId)).end, LeaseEnd.NODE_LOST)
    assert.equal((await manager.find(elsewhere.leaseId)).state, LeaseState.GRANTED)
    await assert.rejects(manager.lease(), { code: 'lease_denied', message: /largest free 0 on node-2; 1 in all/ })
  })

  test('that comes back is whole again, stops its old leases, and what they used meanwhile is counted', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    const { leaseId } = await manager.lease({ cores: 2 })
    await manager.heartbeat('node-1', { leaseId, usage: { invocations: 3 } })
    manager.clock.advance(3_500)
    assert.equal((await manager.node('node-1')).state, NodeState.LOST)
    const answer = await manager.heartbeat('node-1', { leaseId, usage: { invocations: 9 } })
    assert.deepEqual([answer.known, answer.closedLeaseIds], [true, [leaseId]])
    const node = await manager.node('node-1')
    assert.deepEqual([node.state, node.coresFree], [NodeState.READY, 2])
    assert.equal((await manager.find(leaseId)).usage?.invocations, 9)
    manager.clock.advance(3_500)
    assert.equal((await manager.node('node-1')).state, NodeState.LOST, 'and can be lost again')
  })

  test('is not lost because the manager was stopped: it has its time from when that goes on', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    const { leaseId } = await manager.lease({ durationMs: 60_000 })
    await manager.heartbeat('node-1', { leaseId })
    // As after a suspend or SIGSTOP: heartbeats sent meanwhile are still unread.
    manager.clock.step(10_000)
    manager.clock.advance(NODE_LOST_AFTER_MS - 1)
    assert.equal((await manager.node('node-1')).state, NodeState.READY)
    await manager.heartbeat('node-1', { leaseId })
    assert.equal((await manager.find(leaseId)).state, LeaseState.ACTIVE)
    manager.clock.advance(NODE_LOST_AFTER_MS)
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.NODE_LOST, 'and is lost when it is silent then')
  })

  test('is forgotten when it stays lost', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    manager.clock.advance(3_500)
    assert.equal((await manager.node('node-1')).state, NodeState.LOST)
    manager.clock.advance(NODE_LOST_KEPT_MS)
    assert.deepEqual((await manager.rpc.listNodes({})).nodes, [])
    assert.equal(manager.clock.timerCount, 1, 'only the look whether another manager has changed the store is due')
  })
})

describe('DeregisterNode', () => {
  test('ends its leases as retrieved and forgets it; late usage still counts', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 2)
    const { leaseId } = await manager.lease()
    await manager.heartbeat('node-1', { leaseId })
    await manager.rpc.deregisterNode({ nodeId: 'node-1' })
    assert.deepEqual((await manager.rpc.listNodes({})).nodes, [])
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.RETRIEVED)
    await assert.rejects(manager.lease(), { code: 'lease_denied' })
  })
})
