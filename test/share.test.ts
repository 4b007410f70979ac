/** Data that a lease shares with its workers, once per node. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import type { Cluster, Lease, LeaseOptions } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { Scene } from './harness/scene.ts'
import type * as Functions from './harness/share-functions.ts'
import { NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

const functions = new URL('./harness/share-functions.ts', import.meta.url)

describe('lease.share', () => {
  const here = embedded()
  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    here.cluster.lease<typeof Functions>({ functions, ...options })

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}: all workers see one copy, also workers that sleep; a later one replaces it`, async () => {
      await using workers = await lease({ fabric, cores: 2, hotTimeoutMs: 'never' })
      const weights = Float64Array.from({ length: 300_000 }, (_, i) => i % 7)
      const sum = weights.reduce((a, b) => a + b, 0)
      await workers.share('weights', weights)
      weights.fill(0)
      const seen = await workers.each.look('weights')
      assert.deepEqual(
        seen.map(({ kind, length, sum }) => [kind, length, sum]),
        [0, 1].map(() => ['Float64Array', weights.length, sum]),
      )
      assert.equal(new Set(seen.map(({ thread }) => thread)).size, 2)
      // One copy: what one worker writes, the other sees.
      await workers.call.write('weights', 5, 1234)
      assert.deepEqual(await workers.each.at('weights', 5), [1234, 1234])

      await Promise.all([
        workers.share('weights', new Float64Array(2)),
        workers.share('weights', Int16Array.of(1, 2, 3)),
      ])
      for (const { kind, length, sum } of await workers.each.look('weights'))
        assert.deepEqual([kind, length, sum], ['Int16Array', 3, 6])
      assert.deepEqual(await workers.call.whole('weights'), Int16Array.of(1, 2, 3))
      await workers.share('empty', new ArrayBuffer(0))
      for (const { kind, length } of await workers.each.look('empty'))
        assert.deepEqual([kind, length], ['Uint8Array', 0])
      await assert.rejects(workers.call.at('other', 0), /Cannot read 'other': nothing was shared/)
    })
  }

  test('counts against the memory of the lease, and refuses what it cannot share', async () => {
    await using workers = await lease({ memoryMib: 16 })
    await workers.share('a', new Uint8Array(5 * 2 ** 20))
    await assert.rejects(
      workers.share('b', new Uint8Array(5 * 2 ** 20)),
      error('payload_too_large', /room for 31.*memoryMib/),
    )
    await workers.share('a', new Uint8Array(6 * 2 ** 20))
    assert.equal((await workers.call.look('a')).length, 6 * 2 ** 20)
    for (const [name, data] of [
      ['', new Uint8Array(1)],
      ['x'.repeat(129), new Uint8Array(1)],
      ['list', [1, 2]],
    ] as [string, Uint8Array][])
      await assert.rejects(workers.share(name, data), { code: 'invalid_argument' })
  })

  test('what one lease has shared, the next one does not see, in a kept executor', async () => {
    const first = await lease({ keepWarmMs: 10_000 })
    await first.share('secret', Uint8Array.of(1))
    await first.release()
    await using second = await lease()
    assert.equal(second.timings.start, 'kept')
    await assert.rejects(second.call.at('secret', 0), /nothing was shared/)
  })
})

describe('lease.share on several nodes', () => {
  let scene: Scene
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    const manager = await scene.manager('--heartbeat-interval', '200ms')
    await Promise.all(['node-1', 'node-2'].map((name) => scene.node(manager.url, name, '--cores', '1')))
    cluster = await scene.connect(manager.url)
  })
  after(() => scene[Symbol.asyncDispose]())

  test('the workers of each node get it, and those of a replacement before they take calls', async () => {
    const options = { functions, cores: 2, nodes: 2, replace: true, idempotent: true } as const
    await using workers = await cluster.lease<typeof Functions>(options)
    await workers.share('weights', Float64Array.of(1, 2, 4))
    const look = async (): Promise<number[]> => (await workers.each.look('weights')).map(({ sum }) => sum)
    assert.deepEqual(await look(), [7, 7])
    const replaced = new Promise((resolve) => workers.on('replaced', resolve))
    process.kill(scene.executorPids()[0]!, 'SIGKILL')
    // Every call finds the data, whichever worker takes it.
    const calls = workers.map.at.spread(Array.from({ length: 50 }, () => ['weights', 2] as [string, number]))
    assert.deepEqual(new Set(await within(NOTICED_MS_MAX, 'done', calls)), new Set([4]))
    await within(NOTICED_MS_MAX, 'replaced', replaced)
    assert.deepEqual(await until('both are back', look, ({ length }) => length === 2), [7, 7])
    await workers.share('more', Uint8Array.of(1))
    assert.deepEqual(await workers.each.at('more', 0), [1, 1])
  })
})
