/** A program that computes, waits or is stopped is not a dead program: it keeps its leases. One that is dead does not. */
import { strict as assert } from 'node:assert'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { local, type Cluster, type Lease } from 'rfaas'

import type * as Functions from '../harness/functions.ts'
import type { Order } from '../harness/local-program.ts'
import { Scene } from '../harness/scene.ts'
import { becomes, until } from '../harness/waiting.ts'

const functions = new URL('../harness/functions.ts', import.meta.url)
const PROGRAM = fileURLToPath(new URL('../harness/local-program.ts', import.meta.url))

const DURATION_MS = 1500
const STANDS_STILL_MS: number = 3 * DURATION_MS

/** Each blocks the event loop of this thread for `ms`. */
const STANDSTILLS: Record<string, (lease: Lease<typeof Functions>, ms: number) => void> = {
  'computes': (_, ms) => {
    for (const endMs = performance.now() + ms; performance.now() < endMs;);
  }, // prettier-ignore
  'waits in Atomics.wait': (_, ms) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  },
  'is in invokeSync': (lease, ms) => {
    using slot = lease.reserve(4)
    new DataView(slot.input.buffer, slot.input.byteOffset).setUint32(0, ms, true)
    lease.invokeSync('computeInPlace', slot)
  },
}

const CLUSTERS: Record<string, (scene: Scene) => Promise<Cluster>> = {
  'local()': () => local({ cores: 1, memoryMib: 1024, pool: 0 }),
  'connect()': async (scene) => {
    const manager = await scene.manager()
    await scene.node(manager.url, 'node')
    return scene.connect(manager.url)
  },
}

for (const [how, open] of Object.entries(CLUSTERS)) {
  describe(`with ${how}`, () => {
    for (const [what, standStill] of Object.entries(STANDSTILLS)) {
      test(`a program that ${what} for three durations of its lease keeps it, and gets its bill`, async () => {
        await using scene = new Scene()
        await using cluster = await open(scene)
        const lease = await cluster.lease<typeof Functions>({ functions, durationMs: DURATION_MS })
        assert.equal(await lease.call.add(1, 2), 3)
        await renewed(lease)
        standStill(lease, STANDS_STILL_MS)
        assert.equal(await lease.call.add(1, 2), 3, 'at once')
        // The node tells of the end of a lease once the event loop turns.
        for (let times = 0; times < 3; times++) await renewed(lease)
        assert.equal(await lease.call.add(1, 2), 3, 'later')
        const { usage } = await lease.release()
        assert.equal(usage.invocations, what === 'is in invokeSync' ? 4 : 3)
        assert.equal(await lease.closed, null)
        await becomes([], () => scene.executorPids())
      })
    }
  })
}

async function renewed(lease: Lease<typeof Functions>): Promise<void> {
  const firstMs = lease.expires.getTime()
  await until('renewed', () => lease.expires.getTime(), (expiresMs) => expiresMs > firstMs) // prettier-ignore
}

describe('a program with a cluster of its own, local()', () => {
  test('that is stopped by a signal for three durations of its lease finds it again', async () => {
    await using scene = new Scene()
    const program = await start(scene, DURATION_MS)
    assert.deepEqual(await tell(program, 'call'), { value: 3 })
    program.kill('SIGSTOP')
    await delay(STANDS_STILL_MS)
    program.kill('SIGCONT')
    for (let times = 0; times < 3; times++) {
      assert.deepEqual(await tell(program, 'call'), { value: 3 })
      assert.deepEqual(await tell(program, 'renewed'), { value: 'renewed' })
    }
    const [code] = await ended(program, () => program.send('exit'))
    assert.equal(code, 3)
  })

  const ENDS: Record<string, (program: ChildProcess) => void> = {
    'process.exit()': (program) => void program.send('exit'),
    'an uncaught exception': (program) => void program.send('throw'),
    'SIGKILL': (program) => void program.kill('SIGKILL'),
    'SIGINT': (program) => void program.kill('SIGINT'),
  } // prettier-ignore
  for (const [how, end] of Object.entries(ENDS)) {
    test(`leaves nothing when it ends by ${how} with an open lease`, async () => {
      await using scene = new Scene()
      const program = await start(scene, 60_000)
      // The executor of the lease, and the one of the pool.
      await becomes(2, () => scene.executorPids().length)
      await ended(program, () => end(program))
      await becomes([], () => scene.executorPids())
    })
  }
})

async function start(scene: Scene, durationMs: number): Promise<ChildProcess> {
  const env = { ...process.env, TMPDIR: scene.folder }
  const program = fork(PROGRAM, [`${durationMs}`], { env, stdio: ['ignore', 'inherit', 'ignore', 'ipc'] })
  assert.deepEqual(await once(program, 'message').then(([answer]) => answer as unknown), { value: 'ready' })
  return program
}

async function tell(program: ChildProcess, order: Order): Promise<unknown> {
  program.send(order)
  return ((await once(program, 'message')) as [unknown])[0]
}

async function ended(program: ChildProcess, end: () => void): Promise<[number | null, string | null]> {
  const exited = once(program, 'exit')
  end()
  return (await exited) as [number | null, string | null]
}
