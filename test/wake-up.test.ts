/** No wake-up is lost, however an invocation and a worker that falls asleep meet. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { Scene } from './harness/scene.ts'
import type { WakeUpJob } from './harness/wake-up-client.ts'

const CLIENT = new URL('./harness/wake-up-client.ts', import.meta.url)
const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const INVOCATIONS = 12_000
const SILENCE_MS_MAX = 10_000
const seed = Date.now() & 0x7fffffff

for (const fabric of ['local', 'tcp'] as const) {
  const moments = `${INVOCATIONS} invocations around the hot timeout`
  test(`over ${fabric}: ${moments}, sync and async, all come back (seed ${seed})`, async () => {
    await using scene = new Scene()
    const { url } = await scene.embedded()
    const progress = new Int32Array(new SharedArrayBuffer(8))
    const job: WakeUpJob = { url, functions, fabric, seed, hotTimeoutMs: 0.2, invocations: INVOCATIONS, progress }
    const client = new Worker(CLIENT, { workerData: job })

    let last = { done: -1, atMs: performance.now() }
    const watchdog = setInterval(() => {
      const done = Atomics.load(progress, 0)
      if (done !== last.done) last = { done, atMs: performance.now() }
      else if (performance.now() - last.atMs > SILENCE_MS_MAX) {
        const where = `after ${done} invocations, in way ${Atomics.load(progress, 1)} of wake-up-client.ts`
        client.emit('error', new Error(`A wake-up was lost ${where}; seed ${seed}`))
      }
    }, 100)
    try {
      await once(client, 'exit')
      assert.ok(Atomics.load(progress, 0) >= INVOCATIONS)
    } finally {
      clearInterval(watchdog)
      await client.terminate()
    }
  })
}
