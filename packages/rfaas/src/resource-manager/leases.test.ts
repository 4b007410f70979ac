import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { RequestLeaseRequestSchema } from '../control/gen/rfaas_pb.ts'
import { LeaseEnd, LeaseState, PlacementPolicy } from '../control/gen/rfaas_pb.ts'
import { importPublicKey } from '../lease/ed25519.ts'
import { verifyToken } from '../lease/token.ts'
import { LEASE_CORES_MAX, LEASE_DURATION_MS_MAX } from '../lease/limits.ts'
import { LEASE_TERMINATING_MS_MAX, TENANT_CHARS_MAX } from './limits.ts'
import { steadyClock } from '../clock.ts'
import { TestClock } from '../test-clock.ts'
import { TestManager } from './test-manager.ts'

describe('RequestLease', () => {
  test('grants what was asked for, sets it aside, and signs a token that the node can check on its own', async () => {
    await using manager = await TestManager.start()
    const registered = await manager.rpc.registerNode({
      node: {
        nodeId: 'node-1',
        cores: 4,
        memoryMib: 4096,
        controlUrl: 'http://127.0.0.1:1',
        fabrics: [{ fabric: 'tcp', address: '127.0.0.1' }],
        resources: { gpu: 2, fpga: 1 },
        labels: { zone: 'a' },
      },
    })
    assert.equal(registered.heartbeatIntervalMs, 1000)
    const asked = { cores: 3, memoryMib: 1000, resources: { gpu: 1 }, tenant: 'physics' }
    const { lease, token, node } = await manager.lease(asked)

    assert.equal(lease.state, LeaseState.GRANTED)
    assert.equal(lease.nodeId, 'node-1')
    assert.equal(lease.expiresUnixMs, manager.clock.nowUnixMs() + 10_000)
    assert.deepEqual([node?.coresFree, node?.memoryMibFree], [1, 3096])
    assert.deepEqual(
      [node?.resources, node?.resourcesFree],
      [
        { gpu: 2, fpga: 1 },
        { gpu: 1, fpga: 1 },
      ],
    )
    assert.deepEqual([node?.labels, lease.resources], [{ zone: 'a' }, { gpu: 1 }])
    assert.equal(node?.lastHeartbeatUnixMs, manager.clock.nowUnixMs())

    const publicKey = await importPublicKey(registered.publicKeyJwk)
    const claims = await verifyToken(token, publicKey, { nodeId: 'node-1', nowUnixMs: manager.clock.nowUnixMs() })
    assert.deepEqual(claims, {
      leaseId: lease.leaseId,
      nodeId: 'node-1',
      tenant: 'physics',
      cores: 3,
      memoryMib: 1000,
      resources: { gpu: 1 },
      expiresUnixMs: lease.expiresUnixMs,
      fence: Number(lease.fence),
    })
  })

  test('a lease has its time, however the wall clock of the manager is set meanwhile', async () => {
    const wall = new TestClock()
    await using manager = await TestManager.start({ clock: steadyClock(wall) })
    await manager.addNode('node-1', 1)
    for (const stepMs of [3_600_000, -7_200_000]) {
      await manager.heartbeat('node-1')
      const { leaseId } = await manager.lease({ durationMs: 3000 })
      wall.step(stepMs)
      wall.advance(2999)
      assert.equal((await manager.find(leaseId)).state, LeaseState.GRANTED)
      wall.advance(1)
      assert.equal((await manager.find(leaseId)).end, LeaseEnd.EXPIRED)
    }
  })

  test('fences grow with every grant, and with every renewal of a lease', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    const first = await manager.lease()
    const second = await manager.lease()
    const renewed = await manager.rpc.renewLease({ leaseId: first.leaseId, token: first.token, durationMs: 5000 })
    assert.ok(first.lease.fence < second.lease.fence && first.lease.fence < renewed.lease!.fence)
  })

  test('fifty clients at once share out exactly what there is', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 8)
    await manager.addNode('node-2', 12)
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => manager.lease()))
    const granted = results.filter(({ status }) => status === 'fulfilled')
    assert.equal(granted.length, 20)
    assert.deepEqual([await manager.coresFree('node-1'), await manager.coresFree('node-2')], [0, 0])
    for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'lease_denied')
  })

  test('denies in numbers', async () => {
    await using manager = await TestManager.start()
    await assert.rejects(manager.lease(), {
      message: 'lease_denied: Cannot grant lease: there is no node; 0 nodes are ready',
    })
    await manager.addNode('node-1', 12)
    await manager.addNode('node-3', 8)
    await manager.lease({ cores: 6, nodeId: 'node-1' })
    await assert.rejects(manager.lease({ cores: 12 }), {
      message: 'lease_denied: Cannot grant lease: 12 cores asked, largest free 8 on node-3; 20 in all',
    })
  })

  test('local is granted only to a client on the host of the node', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4, { fabrics: [{ fabric: 'local', hostId: 'host-a' }] })
    await manager.lease({ hostId: 'host-a', fabrics: ['local'] })
    await assert.rejects(manager.lease({ hostId: 'host-b', fabrics: ['local'] }), { code: 'lease_denied' })
    await assert.rejects(manager.lease({ hostId: 'host-a', fabrics: ['tcp'] }), { code: 'lease_denied' })
  })

  test('packs unless told to spread', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 8)
    await manager.addNode('node-2', 4)
    const nodeOf = async (policy?: PlacementPolicy): Promise<string> =>
      (await manager.lease(policy === undefined ? {} : { policy })).lease.nodeId
    assert.equal(await nodeOf(), 'node-2')
    assert.equal(await nodeOf(PlacementPolicy.SPREAD), 'node-1')
    assert.equal(await nodeOf(PlacementPolicy.PACK), 'node-2')
  })

  test('only on a node with its labels, and with what it asks for besides cores and memory', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1, { labels: { zone: 'a' } })
    await manager.addNode('node-2', 4, { labels: { zone: 'b' }, resources: { gpu: 2 } })
    assert.equal((await manager.lease({ labels: { zone: 'b' } })).lease.nodeId, 'node-2')
    const { leaseId, token, lease } = await manager.lease({ resources: { gpu: 2 } })
    assert.equal(lease.nodeId, 'node-2')
    await assert.rejects(manager.lease({ resources: { gpu: 1 } }), {
      message: 'lease_denied: Cannot grant lease: 1 gpu asked, largest free 0 on node-1; 2 in all',
    })
    await assert.rejects(manager.lease({ labels: { zone: 'c' } }), {
      message: 'lease_denied: Cannot grant lease: label zone=c asked, the 2 nodes have zone=a and zone=b',
    })
    for (let times = 0; times < 2; times++) await manager.rpc.releaseLease({ leaseId, token })
    assert.deepEqual((await manager.node('node-2')).resourcesFree, { gpu: 2 })
    assert.deepEqual((await manager.find(leaseId)).resources, { gpu: 2 })
  })

  const bad: [MessageInitShape<typeof RequestLeaseRequestSchema>, RegExp][] = [
    [{ cores: 0 }, /cores is 0, must be a whole number from 1/],
    [{ cores: LEASE_CORES_MAX + 1 }, /cores is 4097/],
    [{ memoryMib: 0 }, /memory_mib is 0/],
    [{ durationMs: -1 }, /duration_ms is -1, must be from 100/],
    [{ durationMs: NaN }, /duration_ms is NaN/],
    [{ durationMs: LEASE_DURATION_MS_MAX + 1 }, /duration_ms is 86400001/],
    [{ tenant: 'x'.repeat(TENANT_CHARS_MAX + 1) }, /tenant is "x+", 65 characters long, at most 64/],
    [{ tenant: 'a b' }, /tenant is "a b", must be of letters/],
    [{ nodeId: 'a/b' }, /node_id is "a\/b"/],
    [{ fabrics: ['carrier-pigeon'] }, /fabric is "carrier-pigeon", must be one of local, tcp, verbs/],
    [{ resources: { gpu: 0 } }, /resource gpu is 0, must be a whole number from 1 to 4096/],
    [{ resources: { 'g p': 1 } }, /a resource is "g p", must be 1 to 64 letters/],
    [{ labels: { 'a/b': 'x' } }, /a label is "a\/b", must be 1 to 64 letters/],
    [{ labels: { zone: '' } }, /the value of label zone is "", must be 1 to 64 letters/],
    [{ policy: 7 as PlacementPolicy }, /policy is 7, no policy that is known/],
    [{ fabrics: Array.from({ length: 17 }, () => 'tcp') }, /the number of fabrics is 17/],
  ]
  for (const [request, sentence] of bad) {
    test(`refuses ${JSON.stringify(request).slice(0, 60)} with the value that was given`, async () => {
      await using manager = await TestManager.start()
      await manager.addNode('node-1', 4)
      await assert.rejects(manager.lease(request), {
        code: 'invalid_argument',
        message: sentence,
      })
      assert.equal(await manager.coresFree('node-1'), 4)
    })
  }
})

describe('expiry', () => {
  test('a lease that nobody used closes at its expiry, by one timer, and its capacity is back', async () => {
    await using manager = await TestManager.start({ nodeLostAfterMs: 1e9 })
    await manager.addNode('node-1', 2)
    const long = await manager.lease({ durationMs: 20_000 })
    const short = await manager.lease({ durationMs: 10_000 })
    assert.equal(manager.clock.timerCount, 1)
    manager.clock.advance(9_999)
    assert.equal((await manager.find(short.leaseId)).state, LeaseState.GRANTED)
    manager.clock.advance(1)
    const closed = await manager.find(short.leaseId)
    assert.deepEqual(
      [closed.state, closed.end, closed.closedUnixMs],
      [LeaseState.CLOSED, LeaseEnd.EXPIRED, manager.clock.nowUnixMs()],
    )
    assert.equal(await manager.coresFree('node-1'), 1)
    assert.equal((await manager.find(long.leaseId)).state, LeaseState.GRANTED)
  })

  test('a renewed lease lives on', async () => {
    await using manager = await TestManager.start({ nodeLostAfterMs: 1e9 })
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease({ durationMs: 10_000 })
    manager.clock.advance(9_000)
    const renewed = await manager.rpc.renewLease({ leaseId, token, durationMs: 10_000 })
    manager.clock.advance(9_000)
    assert.equal((await manager.find(leaseId)).state, LeaseState.GRANTED)
    // The first token has expired, but still identifies the lease.
    await manager.rpc.renewLease({ leaseId, token, durationMs: 10_000 })
    manager.clock.advance(10_000)
    await assert.rejects(manager.rpc.renewLease({ leaseId, token: renewed.token, durationMs: 10_000 }), {
      message: /lease_expired: Cannot renew lease lease-\w+: it is closed \(expired\)/,
    })
  })

  test('a lease that runs ends at its expiry, and its capacity is back when the node has stopped it', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease({ durationMs: 2_000 })
    assert.deepEqual((await manager.heartbeat('node-1', { leaseId })).closedLeaseIds, [])
    assert.equal((await manager.find(leaseId)).state, LeaseState.ACTIVE)
    await manager.advance(2_000, 'node-1')
    assert.equal((await manager.find(leaseId)).state, LeaseState.TERMINATING)
    assert.equal(await manager.coresFree('node-1'), 0)
    assert.deepEqual((await manager.heartbeat('node-1', { leaseId })).closedLeaseIds, [leaseId])
    await manager.heartbeat('node-1', { leaseId, end: LeaseEnd.RETRIEVED })
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.EXPIRED)
    assert.equal(await manager.coresFree('node-1'), 1)
  })

  test('a node that lives but never says that a lease has stopped does not hold its capacity for ever', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId } = await manager.lease({ durationMs: 2_000 })
    await manager.heartbeat('node-1', { leaseId })
    await manager.advance(2_000 + LEASE_TERMINATING_MS_MAX - 1, 'node-1')
    assert.equal(await manager.coresFree('node-1'), 0)
    manager.clock.advance(1)
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.EXPIRED)
    assert.equal(await manager.coresFree('node-1'), 1)
  })
})

describe('ReleaseLease', () => {
  test('of a lease that never ran gives its capacity back at once; again gives the same answer', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    const { lease } = await manager.rpc.releaseLease({ leaseId, token })
    assert.deepEqual([lease?.state, lease?.end], [LeaseState.CLOSED, LeaseEnd.RELEASED])
    assert.equal(await manager.coresFree('node-1'), 1)
    manager.clock.advance(1000)
    assert.deepEqual((await manager.rpc.releaseLease({ leaseId, token })).lease, lease)
    assert.equal(await manager.coresFree('node-1'), 1)
    assert.equal(manager.timesClosed(leaseId), 1)
  })

  test('after the node has stopped it gives the final usage and cost, also with an expired token', async () => {
    const prices = { perCoreS: 10, perGibS: 0, perHotPollingS: 1, perExecutionS: 0 }
    await using manager = await TestManager.start({ prices })
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease({ durationMs: 3_000 })
    const usage = { allocationCoreS: 2, hotPollingNs: 3e9, invocations: 7 }
    await manager.heartbeat('node-1', { leaseId, usage, end: LeaseEnd.RELEASED })
    await manager.advance(4_000, 'node-1')
    const { lease } = await manager.rpc.releaseLease({ leaseId, token })
    assert.deepEqual([lease?.state, lease?.end, lease?.cost], [LeaseState.CLOSED, LeaseEnd.RELEASED, 23])
    assert.equal(lease?.usage?.invocations, 7)
  })

  test('of a lease that runs tells the node to stop it, and closes it when it has', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    await manager.heartbeat('node-1', { leaseId })
    const { lease } = await manager.rpc.releaseLease({ leaseId, token })
    assert.equal(lease?.state, LeaseState.TERMINATING)
    assert.deepEqual((await manager.heartbeat('node-1', { leaseId })).closedLeaseIds, [leaseId])
    await manager.heartbeat('node-1', { leaseId, end: LeaseEnd.RETRIEVED })
    assert.equal((await manager.rpc.releaseLease({ leaseId, token })).lease?.end, LeaseEnd.RELEASED)
    assert.equal(await manager.coresFree('node-1'), 1)
  })
})

describe('tokens', () => {
  test('of another lease, forged or absent are refused for renewal and release, and change nothing', async () => {
    await using manager = await TestManager.start()
    await using other = await TestManager.start()
    for (const each of [manager, other]) await each.addNode('node-1', 2)
    const { leaseId } = await manager.lease()
    const tokens = [(await manager.lease()).token, (await other.lease()).token, '', 'x.y.z']
    for (const token of tokens) {
      await assert.rejects(manager.rpc.releaseLease({ leaseId, token }), { code: 'token_refused' })
      await assert.rejects(manager.rpc.renewLease({ leaseId, token, durationMs: 1000 }), { code: 'token_refused' })
    }
    assert.equal((await manager.find(leaseId)).state, LeaseState.GRANTED)
  })

  test('a renewal for a duration that is not allowed is refused', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    for (const durationMs of [0, -5, Infinity, NaN]) {
      await assert.rejects(manager.rpc.renewLease({ leaseId, token, durationMs }), {
        code: 'invalid_argument',
        message: new RegExp(`duration_ms is ${durationMs}`),
      })
    }
  })
})
