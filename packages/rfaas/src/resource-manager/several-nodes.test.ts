import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { TestManager } from './test-manager.ts'

describe('a request for more than one node has', () => {
  const parts = async (manager: TestManager, rest: object): Promise<string[]> =>
    (await manager.leases(rest)).grants.map(({ lease }) => `${lease?.nodeId}: ${lease?.cores}, ${lease?.memoryMib} MiB`)

  test('gets a lease on each, with a token of its own, or none at all', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 4)
    await manager.addNode('node-2', 3)
    const denied = (rest: object, message: RegExp) =>
      assert.rejects(manager.leases(rest), { code: 'lease_denied', message })
    await denied({ cores: 6 }, /6 cores asked, largest free 4 on node-1; 7 in all/)
    await denied(
      { cores: 8, nodesMax: 2 },
      /8 cores asked on up to 2 nodes, free 4 on node-1 and 3 on node-2; 7 in all/,
    )
    assert.equal(await manager.coresFree('node-1'), 4)

    const { grants } = await manager.leases({ cores: 6, nodesMax: 2, memoryMib: 600 })
    assert.equal(new Set(grants.flatMap(({ token, lease }) => [token, lease?.leaseId, lease?.fence])).size, 6)
    assert.deepEqual(
      grants.map(({ lease, node }) => [lease?.nodeId, node?.nodeId, lease?.cores, lease?.memoryMib]),
      [
        ['node-1', 'node-1', 4, 400],
        ['node-2', 'node-2', 2, 200],
      ],
    )
    assert.deepEqual([await manager.coresFree('node-1'), await manager.coresFree('node-2')], [0, 1])
    // Each ends by itself.
    const { lease, token } = grants[0]!
    await manager.rpc.releaseLease({ leaseId: lease!.leaseId, token })
    assert.deepEqual([await manager.coresFree('node-1'), await manager.coresFree('node-2')], [4, 1])
  })

  test('spreads evenly when asked to', async () => {
    await using manager = await TestManager.start()
    for (const name of ['node-1', 'node-2', 'node-3']) await manager.addNode(name, 4)
    assert.deepEqual(await parts(manager, { cores: 4, nodesMax: 2, memoryMib: 400, policy: 2 }), [
      'node-1: 2, 200 MiB',
      'node-2: 2, 200 MiB',
    ])
  })

  test('gets what there is, when that will do', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 3)
    await manager.addNode('node-2', 1)
    const denied = (rest: object, message: RegExp) =>
      assert.rejects(manager.leases(rest), { code: 'lease_denied', message })
    await denied({ cores: 8, coresMin: 4 }, /8 cores asked on one node, at least 4, free 3 on node-1; 4 in all/)
    await denied({ cores: 8, coresMin: 5, nodesMax: 3 }, /up to 3 nodes, at least 5, free 3 on node-1 and 1 on node-2/)
    await denied({ cores: 8, coresMin: 1, labels: { zone: 'a' } }, /label zone=a asked/)
    assert.deepEqual(await parts(manager, { cores: 8, coresMin: 2, memoryMib: 800 }), ['node-1: 3, 300 MiB'])
    assert.deepEqual(await parts(manager, { cores: 8, coresMin: 1, nodesMax: 3, memoryMib: 800 }), [
      'node-2: 1, 100 MiB',
    ])
    await denied({ cores: 2, coresMin: 1 }, /1 core asked, largest free 0 on node-1; 4 in all/)
  })

  test('waits for all of it', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const request = { cores: 3, nodesMax: 2, memoryMib: 3, durationMs: 10_000 }
    const waiting = manager.rpc.awaitLease({ request, waitMs: 5000 })
    await manager.addNode('node-2', 2)
    assert.equal((await waiting).grants.length, 2)
  })

  test('avoids nodes that it names', async () => {
    await using manager = await TestManager.start()
    for (const name of ['node-1', 'node-2', 'node-3']) await manager.addNode(name, 1)
    const avoidNodeIds = ['node-1', 'node-3']
    assert.deepEqual(await parts(manager, { avoidNodeIds }), ['node-2: 1, 512 MiB'])
    await assert.rejects(manager.leases({ avoidNodeIds }), { code: 'lease_denied' })
  })

  test('says what is wrong', async () => {
    await using manager = await TestManager.start()
    for (const [rest, message] of [
      [{ cores: 2, coresMin: 3 }, /cores_min is 3, must be a whole number from 1 to 2/],
      [{ nodesMax: 65 }, /nodes_max is 65, must be a whole number from 1 to 64/],
      [{ avoidNodeIds: ['no name'] }, /avoid_node_ids is "no name"/],
    ] satisfies [object, RegExp][]) {
      await assert.rejects(manager.leases(rest), { code: 'invalid_argument', message })
    }
  })
})
