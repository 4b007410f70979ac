/** A node keeps executors ready; what comes out of the pool is an executor as any other. */
import { strict as assert } from 'node:assert'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startNode, type Cluster, type Lease, type LeaseOptions, type NodeInfo } from 'rfaas'

import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { standsStill, threadsOf } from './harness/standstill.ts'
import { becomes, NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
/**
 * Limit for a refill, which waits some seconds for an idle core, and then starts a process on a possibly busy machine.
 */
const REFILLED_MS_MAX = 60_000

interface ActiveEvent {
  kind: string
  coldReason: string | null
}

describe('a node with a pool of one', () => {
  let scene: Scene
  let node: Started
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    const manager = await scene.manager('--heartbeat-interval', '100ms')
    node = await scene.node(manager.url, 'node-1', '--pool', '1')
    cluster = await scene.connect(manager.url)
  })
  after(() => scene[Symbol.asyncDispose]())

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    cluster.lease<typeof Functions>({ functions, ...options })

  const pool = async (): Promise<NodeInfo['pool']> => (await cluster.nodes())[0]!.pool

  /** Waits until one is ready, and gives its process. */
  async function refilled(): Promise<number> {
    await until('refilled', pool, (state) => state?.ready === 1, REFILLED_MS_MAX)
    return scene.executorPids().at(-1)!
  }

  afterEach(async () => {
    await becomes([], async () => (await cluster.leases()).map(({ leaseId }) => leaseId))
    await refilled()
    // Only the ready executor is left.
    await becomes(1, () => scene.executorPids().length)
  })

  test('reports what it keeps ready, and the memory of it', async () => {
    await refilled()
    const { size, ready, memoryMib } = (await pool())!
    assert.deepEqual({ size, ready }, { size: 1, ready: 1 })
    assert.ok(memoryMib > 5 && memoryMib < 1024, `${memoryMib} MiB`)
  })

  test('one that is ready sleeps, with all its threads', async () => {
    const pid = await refilled()
    assert.ok(await standsStill(() => threadsOf(pid)), 'a thread of it runs')
  })

  for (const fabric of ['local', 'tcp'] as const) {
    test(`a lease over ${fabric} takes it, another one is made ready, and none is used twice`, async () => {
      const ready = await refilled()
      const first = await lease({ fabric })
      const { pid } = await first.call.whoAmI()
      assert.deepEqual([first.timings.start, pid], ['pooled', ready])
      assert.ok(first.timings.loadMs <= first.timings.startMs && first.timings.startMs <= first.timings.allocateMs)
      await first.release()
      await refilled()
      await using second = await lease({ fabric })
      assert.equal(second.timings.start, 'pooled')
      assert.notEqual((await second.call.whoAmI()).pid, pid)
    })
  }

  test('with none left, a lease starts cold and works as well', async () => {
    await refilled()
    await using first = await lease()
    await using second = await lease()
    assert.deepEqual([first.timings.start, second.timings.start], ['pooled', 'cold'])
    assert.deepEqual(await Promise.all([first.call.add(1, 2), second.call.add(3, 4)]), [3, 7])
  })

  test('it has as many workers as were asked for, and the next is ready with as many', async () => {
    for (const start of ['grown', 'as leased before']) {
      await refilled()
      const workers = await lease({ cores: 2, memoryMib: 1024 })
      const ran = await workers.map.whoRan([0, 1, 2, 3, 4, 5, 6, 7])
      assert.deepEqual([workers.timings.start, new Set(ran.map(({ threadId }) => threadId)).size], ['pooled', 2], start)
      await workers.release()
    }
    // An executor with one worker too many ends that worker.
    await refilled()
    await using single = await lease()
    assert.equal(single.timings.start, 'pooled')
    assert.equal(await single.call.add(1, 2), 3)
  })

  test('what it has used is metered: nothing of before the lease, all of it though it is killed', async () => {
    const pid = await refilled()
    const workers = await lease({ hotTimeoutMs: 'never' })
    for (let n = 0; n < 5; n++) await workers.call.compute(20)
    process.kill(pid, 'SIGKILL')
    const thrown = await within(NOTICED_MS_MAX, 'noticed', workers.closed)
    assert.match(thrown!.message, /^executor_lost: .*crashed: the process was ended by signal SIGKILL/)
    const { invocations, executionNs, allocationCoreS } = (await workers.release()).usage
    assert.equal(invocations, 5)
    // The kill may come between the last answer and the reading of the clock after it.
    assert.ok(executionNs >= 80e6 && executionNs / 1e9 <= allocationCoreS, `${executionNs} ns`)
  })

  test('a module that cannot be loaded fails the lease with its reason', async () => {
    await refilled()
    const broken = join(scene.folder, 'broken.ts')
    writeFileSync(broken, `export const f = (): void => {}\nthrow new RangeError('not today')\n`)
    await assert.rejects(lease({ functions: broken }), error('module_failed', /not today/))
  })

  test('one that is killed while it waits is replaced', async () => {
    const pid = await refilled()
    process.kill(pid, 'SIGKILL')
    await until('noticed', pool, (state) => state?.ready === 0, NOTICED_MS_MAX)
    assert.notEqual(await refilled(), pid)
    await using workers = await lease()
    assert.equal(await workers.call.add(1, 2), 3)
  })

  test('it goes with its node, however that ends', async () => {
    await refilled()
    node.service.child.kill('SIGKILL')
    await becomes([], () => scene.executorPids())
    node = await scene.node(cluster.url, 'node-1', '--pool', '1')
    await refilled()
    node.service.child.kill('SIGTERM')
    await node.service.finished()
    await becomes([], () => scene.executorPids())
    node = await scene.node(cluster.url, 'node-1', '--pool', '1')
  })
})

test('memory is not enforced, in the original: here that of a lease is its limit, from the pool as well as cold', async () => {
  await using scene = new Scene()
  const hungry = join(scene.folder, 'hungry.ts')
  writeFileSync(
    hungry,
    `const kept: unknown[] = []
    export function eat(mib: number): number {
      for (let n = 0; n < mib; n++) kept.push(new Array(131_072).fill(n))
      return kept.length
    }`,
  )
  interface Hungry {
    eat: (mib: number) => number
  }
  const reasons: (string | null)[] = []
  const onEvent = (event: unknown): void => {
    const { kind, coldReason } = event as ActiveEvent
    if (kind === 'lease-active') reasons.push(coldReason)
  }
  subscribe('rfaas.executor-manager', onEvent)
  const cluster = await scene.embedded({ manager: { heartbeatIntervalMs: 50 }, node: { pool: 1 } })
  const refilled = (): Promise<unknown> =>
    until('refilled', async () => (await cluster.nodes())[0]!.pool, (pool) => pool?.ready === 1, REFILLED_MS_MAX) // prettier-ignore
  /** MiB that the worker could allocate and keep, in steps of 8. */
  const eaten = async (workers: Lease<Hungry>): Promise<number> => {
    for (let mib = 8; ; mib += 8) {
      try {
        assert.equal(await workers.call.eat(8), mib)
      } catch (thrown) {
        assert.match((thrown as Error).message, /^out_of_memory: .* its heap is full/)
        return mib
      }
    }
  }
  try {
    await refilled()
    // The pool has executors with heaps of 512 MiB, which do not fit this lease.
    const cold = await cluster.lease<Hungry>({ functions: hungry, memoryMib: 96 })
    assert.equal(cold.timings.start, 'cold')
    const coldMib = await eaten(cold)
    // Its executor goes on with another worker, until it is released.
    await cold.release()
    // Since a lease asked for 96 MiB, the pool prepares an executor of that size.
    await becomes(
      ['--max-old-space-size=96'],
      () => scene.executors().map(({ args }) => args.find((arg) => arg.startsWith('--max-old'))!),
      REFILLED_MS_MAX,
    )
    await refilled()
    const pooled = await cluster.lease<Hungry>({ functions: hungry, memoryMib: 96 })
    assert.equal(pooled.timings.start, 'pooled')
    const pooledMib = await eaten(pooled)
    assert.ok(coldMib <= 96 && pooledMib <= 96, `${coldMib} MiB cold, ${pooledMib} MiB from the pool`)
    assert.ok(Math.abs(coldMib - pooledMib) <= 16, `${coldMib} MiB cold, ${pooledMib} MiB from the pool`)
    assert.deepEqual(reasons, ['96 MiB per worker asked, the ready ones have 512 MiB', null])
    await pooled.release()
  } finally {
    unsubscribe('rfaas.executor-manager', onEvent)
  }
})

test('an executor that cannot be started for the pool is told of once, and the node serves no worse', async () => {
  await using scene = new Scene()
  const failures: string[] = []
  const onEvent = (event: unknown): void => {
    const { kind, error: failure } = event as { kind: string; error: Error }
    if (kind === 'pool-failure') failures.push(failure.message)
  }
  subscribe('rfaas.executor-manager', onEvent)
  try {
    const starts = join(scene.folder, 'starts')
    const executorPath = join(scene.folder, 'broken.mjs')
    writeFileSync(executorPath, `import fs from 'node:fs'; fs.appendFileSync('${starts}', 'x'); process.exit(9)`)
    writeFileSync(starts, '')
    const cluster = await scene.embedded({ node: { pool: 2, executorPath } })
    const { statSync } = await import('node:fs')
    await until('tried again', () => statSync(starts).size, (tries) => tries >= 3, REFILLED_MS_MAX) // prettier-ignore
    assert.equal(failures.length, 1)
    assert.match(failures[0]!, /^executor_start_failed: .*ended with code 9/)
    assert.equal((await cluster.nodes())[0]!.pool!.ready, 0)
    await assert.rejects(cluster.lease({ functions }), error('executor_start_failed', /ended with code 9/))
  } finally {
    unsubscribe('rfaas.executor-manager', onEvent)
  }
})

test('a pool of none starts nothing, and what is no size is refused', async () => {
  await using scene = new Scene()
  const cluster = await scene.embedded({ node: { pool: 0 } })
  assert.deepEqual(scene.executorPids(), [])
  const [{ pool }] = (await cluster.nodes()) as [NodeInfo]
  assert.deepEqual({ size: pool!.size, ready: pool!.ready }, { size: 0, ready: 0 })
  await using workers = await cluster.lease<typeof Functions>({ functions })
  assert.equal(workers.timings.start, 'cold')
  for (const size of [-1, 0.5, NaN, 1025, '1' as unknown as number]) {
    const options = { managerUrl: cluster.url, pool: size }
    await assert.rejects(startNode(options), error('invalid_argument', /pool must be 0 to 1024, not/))
  }
})
