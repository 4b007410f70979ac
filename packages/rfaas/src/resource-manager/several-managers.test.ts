import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { PLACEMENT_MISSES_MAX } from './limits.ts'
import { TestManager } from './test-manager.ts'

const folder = mkdtempSync(join(tmpdir(), 'rfaas-managers-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

/** Starts two managers on one file. Their clocks stand still, so neither reads the store except to answer requests. */
async function startTwo(): Promise<[TestManager, TestManager]> {
  const dataPath = join(folder, `${++files}.db`)
  return [await TestManager.start({ dataPath }), await TestManager.start({ dataPath })]
}

describe('two managers on one store', () => {
  test('a node that registered with one is leased by the other', async () => {
    const [first, second] = await startTwo()
    await using _closing = new Both(first, second)
    await first.addNode('node-1', 4)
    assert.equal((await second.lease({ cores: 4 })).lease.nodeId, 'node-1')
    await first.addNode('node-2', 8)
    assert.equal((await second.lease({ cores: 8 })).lease.nodeId, 'node-2')
  })

  test('what one has leased the other does not lease again, and goes to the next best node', async () => {
    const [first, second] = await startTwo()
    await using _closing = new Both(first, second)
    await first.addNode('node-1', 2)
    await first.addNode('node-2', 4)
    // Now the second knows both.
    await assert.rejects(second.lease({ cores: 5 }), { code: 'lease_denied' })
    await first.lease({ cores: 1, nodeId: 'node-1' })
    assert.equal((await second.lease({ cores: 2 })).lease.nodeId, 'node-2')
    await assert.rejects(second.lease({ cores: 3 }), /3 cores asked, largest free 2 on node-2; 6 in all/)
  })

  test('what came back to one is not denied by the other', async () => {
    const [first, second] = await startTwo()
    await using _closing = new Both(first, second)
    await first.addNode('node-1', 4)
    const { leaseId, token } = await first.lease({ cores: 4 })
    await assert.rejects(second.lease({ cores: 4 }), { code: 'lease_denied' })
    await first.rpc.releaseLease({ leaseId, token })
    assert.equal((await second.lease({ cores: 4 })).lease.nodeId, 'node-1')
    await assert.rejects(first.lease(), { code: 'lease_denied' })
  })

  test('a node that left or was leased out behind the back of the other: it finds the one that has room', async () => {
    const [first, second] = await startTwo()
    await using _closing = new Both(first, second)
    const nodeIds = Array.from({ length: 2 * PLACEMENT_MISSES_MAX + 3 }, (_, n) => `node-${String(n).padStart(2, '0')}`)
    for (const nodeId of nodeIds) await first.addNode(nodeId, 2)
    await assert.rejects(second.lease({ cores: 3 }), { code: 'lease_denied' })
    const last = nodeIds.pop()!
    for (const nodeId of nodeIds.splice(0, 3)) await first.rpc.deregisterNode({ nodeId })
    for (const nodeId of nodeIds) await first.lease({ nodeId, cores: 2 })
    assert.equal((await second.lease({ cores: 2 })).lease.nodeId, last)
    await assert.rejects(second.lease({ nodeId: 'node-00' }), /node node-00 is unknown or lost/)
  })

  test('forty clients of both at once share out exactly what there is', async () => {
    const [first, second] = await startTwo()
    await using _closing = new Both(first, second)
    await first.addNode('node-1', 8, { resources: { gpu: 2 } })
    await second.addNode('node-2', 12, { resources: { gpu: 3 } })
    const asking = Array.from({ length: 40 }, (_, n) =>
      (n % 2 === 0 ? first : second).lease(n % 4 === 0 ? { resources: { gpu: 1 } } : {}),
    )
    const results = await Promise.allSettled(asking)
    const granted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.lease] : []))
    for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'lease_denied')
    const withGpu = granted.filter(({ resources }) => resources['gpu'] === 1)
    assert.deepEqual([granted.length >= 20 - 5, withGpu.length <= 5], [true, true])
    for (const nodeId of ['node-1', 'node-2']) {
      const leased = granted.filter((lease) => lease.nodeId === nodeId)
      const node = await second.node(nodeId)
      assert.equal(node.coresFree, node.cores - leased.length)
      const gpus = leased.reduce((sum, { resources }) => sum + (resources['gpu'] ?? 0), 0)
      assert.equal(node.resourcesFree['gpu'] ?? 0, node.resources['gpu']! - gpus)
    }
  })
})

class Both implements AsyncDisposable {
  readonly #managers: TestManager[]

  constructor(...managers: TestManager[]) {
    this.#managers = managers
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const manager of this.#managers) await manager[Symbol.asyncDispose]()
  }
}
