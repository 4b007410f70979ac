/** No wake-up is lost, however an invocation and a worker that falls asleep meet. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { Scene } from '../harness/scene.ts'
import { DONE, LEASE, TICK_MS, TICKS, WAY, WAY_NAMES, type WakeUpJob } from '../harness/wake-up-job.ts'

const CLIENT = new URL('../harness/wake-up-client.ts', import.meta.url)
const functions = fileURLToPath(new URL('../harness/functions.ts', import.meta.url))
const SILENCE_MS_MAX = 30_000
const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)

/** Hot timeouts of a few microseconds: most calls find a worker that is just falling asleep, or has. */
const JOBS: Pick<WakeUpJob, 'fabric' | 'hotTimeoutsMs' | 'invocations'>[] = [
  { fabric: 'local', hotTimeoutsMs: [0, 0.015], invocations: 1_000_000 },
  { fabric: 'tcp', hotTimeoutsMs: [0, 0.05], invocations: 40_000 },
]

for (const part of JOBS) {
  const { fabric, invocations } = part
  const what = `${invocations} invocations around the hot timeout, sync, async and in batches, all come back`
  test(`over ${fabric}: ${what} (RFAAS_SEED=${seed})`, { timeout: 300_000 }, async (test) => {
    await using scene = new Scene()
    const { url } = await scene.embedded({ node: { cores: 2 * part.hotTimeoutsMs.length } })
    const progress = new Int32Array(new SharedArrayBuffer(16))
    const job: WakeUpJob = { ...part, url, functions, seed, progress }
    const beganMs = performance.now()
    const client = new Worker(CLIENT, { workerData: job })

    let last = { done: -1, atMs: performance.now() }
    const watchdog = setInterval(() => {
      Atomics.add(progress, TICKS, 1)
      const done = Atomics.load(progress, DONE)
      if (done !== last.done) last = { done, atMs: performance.now() }
      else if (performance.now() - last.atMs > SILENCE_MS_MAX) {
        const way = WAY_NAMES[Atomics.load(progress, WAY)]!
        const where = `after ${done} invocations: ${way} on lease ${Atomics.load(progress, LEASE)} does not come back`
        client.emit('error', new Error(`A wake-up was lost ${where}; seed ${seed}`))
      }
    }, TICK_MS)
    try {
      await once(client, 'exit')
      assert.ok(Atomics.load(progress, DONE) >= invocations)
      test.diagnostic(`${Math.round(((performance.now() - beganMs) * 1000) / invocations)} µs an invocation`)
    } finally {
      clearInterval(watchdog)
      await client.terminate()
    }
  })
}
