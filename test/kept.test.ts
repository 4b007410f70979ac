/** The executor of a lease that ends is kept for the next one of its tenant, and given up when its room is needed. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import { Scene } from './harness/scene.ts'
import { standsStill, threadsOf } from './harness/standstill.ts'
import { becomes, NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

/** A module with a state, and functions that leave something behind. */
const MODULE = `
import { spawn } from 'node:child_process'
let count = 0
export const counted = () => ({ pid: process.pid, count: ++count })
export const never = () => new Promise(() => {})
export function haunt() {
  setInterval(() => { const endMs = performance.now() + 5; while (performance.now() < endMs); }, 6)
  return spawn('sh', ['-c', 'while :; do :; done']).pid
}
export function breakSoon() {
  setTimeout(() => { throw new Error('too late for anybody') })
}`

interface Counted {
  counted: () => { pid: number; count: number }
  never: () => Promise<void>
  haunt: () => number
  breakSoon: () => void
}

describe('an executor that is kept', () => {
  let scene: Scene
  let cluster: Cluster
  let functions: string
  let kept = 0
  const onEvent = (event: unknown): void => {
    const { kind, kept: now } = event as { kind: string; kept: number }
    if (kind === 'kept-changed') kept = now
  }

  before(async () => {
    scene = new Scene()
    subscribe('rfaas.executor-manager', onEvent)
    functions = join(scene.folder, 'counted.mjs')
    writeFileSync(functions, MODULE)
    cluster = await scene.embedded({ manager: { heartbeatIntervalMs: 50 } })
  })
  after(async () => {
    unsubscribe('rfaas.executor-manager', onEvent)
    await scene[Symbol.asyncDispose]()
    assert.equal(kept, 0)
  })
  afterEach(async () => {
    // Ends the executors that are still kept.
    for (const pid of scene.executorPids()) process.kill(pid, 'SIGKILL')
    await scene.idle(cluster)
    await becomes(0, () => kept)
  })

  const lease = (options: Partial<LeaseOptions> = {}, from: Cluster = cluster): Promise<Lease<Counted>> =>
    from.lease<Counted>({ functions, keepWarmMs: 30_000, ...options })

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}: the next lease finds the state of the modules, on its own bill, with other slots`, async () => {
      const first = await lease({ fabric, cores: 2, memoryMib: 1024 })
      const counts = await Promise.all(Array.from({ length: 8 }, () => first.call.counted()))
      const { pid } = counts[0]!
      const { usage } = await first.release()
      assert.deepEqual([first.timings.start, usage.invocations, kept], ['cold', 8, 1])
      const askedMs = performance.now()
      const second = await lease({ fabric, cores: 2, memoryMib: 1024, slots: 8, payloadBytesMax: 1024 })
      const more = await Promise.all(Array.from({ length: 8 }, () => second.call.counted()))
      assert.deepEqual([second.timings.start, kept], ['kept', 0])
      assert.ok(more.every((each) => each.pid === pid))
      // Eight calls before and eight now, spread over both workers.
      assert.ok(Math.max(...more.map(({ count }) => count)) >= 8, JSON.stringify(more))
      const bill = await second.release()
      assert.equal(bill.usage.invocations, 8)
      assert.ok(bill.usage.allocationCoreS <= (2 * (performance.now() - askedMs)) / 1000)
    })
  }

  test('is for the same tenant with the same functions only', async () => {
    const mine = await lease()
    const { pid } = await mine.call.counted()
    await mine.release()
    const others = await connect(cluster.url, { tenant: 'other' })
    const another = join(scene.folder, 'another.mjs')
    writeFileSync(another, `${MODULE}\nexport const more = 1`)
    for (const other of [await lease({ keepWarmMs: 0 }, others), await lease({ functions: another, keepWarmMs: 0 })]) {
      assert.notEqual(other.timings.start, 'kept')
      assert.deepEqual([(await other.call.counted()).count, kept > 0], [1, true])
      await other.release()
    }
    await others.close()
    await using next = await lease()
    assert.deepEqual([next.timings.start, await next.call.counted()], ['kept', { pid, count: 2 }])
  })

  test('runs nothing, nor does what its functions have started; it goes when its memory is leased', async () => {
    const first = await lease({ memoryMib: 2048 })
    const { pid } = await first.call.counted()
    const childPid = await first.call.haunt()
    await first.release()
    assert.equal(kept, 1)
    assert.ok(await standsStill(() => [...threadsOf(pid), ...threadsOf(childPid)]), 'something runs')
    // This lease fits into what is free beside the kept executor.
    await using beside = await lease({ memoryMib: 1024, keepWarmMs: 0 })
    assert.deepEqual([beside.timings.start, kept], ['cold', 1])
    await using large = await lease({ memoryMib: 3072, keepWarmMs: 0 })
    assert.deepEqual([(await large.call.counted()).count, kept], [1, 0])
    assert.ok(!scene.executorPids().includes(pid))
  })

  test('is gone after its time', async () => {
    const first = await lease({ keepWarmMs: 100 })
    await first.release()
    await becomes([], () => scene.executorPids())
    await becomes(0, () => kept)
  })

  test('that is killed is missed by nobody', async () => {
    const first = await lease()
    const { pid } = await first.call.counted()
    await first.release()
    process.kill(pid, 'SIGKILL')
    await using next = await lease()
    assert.deepEqual([next.timings.start, (await next.call.counted()).count], ['cold', 1])
  })

  test('has answered everything: where something is under way it ends', async () => {
    const pending = await lease()
    const abandoned = pending.call.never().catch(() => {})
    await pending.call.counted()
    await pending.release()
    await abandoned
    assert.equal(kept, 0)
  })

  test('is kept also when a worker of it was restarted, which has lost its state', async () => {
    // A sleeping worker would leave the timer for later.
    const broken = await lease({ hotTimeoutMs: 'always' })
    const { pid } = await broken.call.counted()
    const restarted = new Promise((resolve) => broken.on('workerRestarted', resolve))
    await broken.call.breakSoon()
    await within(NOTICED_MS_MAX, 'restarted', restarted)
    const { usage } = await broken.release()
    assert.deepEqual([usage.invocations, kept], [2, 1])
    await using next = await lease({ hotTimeoutMs: 'always', keepWarmMs: 0 })
    assert.deepEqual([next.timings.start, await next.call.counted()], ['kept', { pid, count: 1 }])
  })

  test('without its client: one that closes its connections or is killed leaves nothing kept', async () => {
    const client = await scene.client(cluster.url)
    await client.lease({ functions, keepWarmMs: 30_000 })
    await client.call('counted')
    await client.kill()
    await scene.idle(cluster)
    await becomes(0, () => kept)
  })
})

test('what is kept goes with its node, however that ends', async () => {
  await using scene = new Scene()
  const manager = await scene.manager()
  const functions = join(scene.folder, 'counted.mjs')
  writeFileSync(functions, MODULE)
  const cluster = await scene.connect(manager.url)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const node = await scene.node(manager.url, signal, '--keep-warm-max', '1m')
    const lease = await cluster.lease<Counted>({ functions, keepWarmMs: 30_000, nodeId: signal })
    const { pid } = await lease.call.counted()
    await lease.release()
    assert.deepEqual(scene.executorPids(), [pid])
    node.service.child.kill(signal)
    await until('gone', () => scene.executorPids(), (pids) => pids.length === 0) // prettier-ignore
  }
})

test('a node that keeps none has none kept', async () => {
  await using scene = new Scene()
  const functions = join(scene.folder, 'counted.mjs')
  writeFileSync(functions, MODULE)
  const cluster = await scene.embedded({ node: { keepWarmMsMax: 0 } })
  await (await cluster.lease({ functions, keepWarmMs: 30_000 })).release()
  assert.deepEqual(scene.executorPids(), [])
})
