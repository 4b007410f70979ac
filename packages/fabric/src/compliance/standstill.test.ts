import assert from 'node:assert/strict'
import { once } from 'node:events'
import { it } from 'node:test'
import { Worker } from 'node:worker_threads'

import { standsStill, thisThread, threadsOf } from './standstill.ts'

/** A thread that repeats `step`, as a path in /proc. */
async function repeating(step: string): Promise<AsyncDisposable & { thread: string }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     parentPort.postMessage(require('node:fs').readlinkSync('/proc/thread-self'))
     const word = new Int32Array(new SharedArrayBuffer(4))
     for (;;) { ${step} }`,
    { eval: true },
  )
  const [thread] = (await once(worker, 'message')) as [string]
  return { thread, [Symbol.asyncDispose]: async () => void (await worker.terminate()) }
}

it('standsStill: of a thread that sleeps, also when it looks up now and then', async () => {
  await using sleeper = await repeating('Atomics.wait(word, 0, 0, 1000)')
  assert.equal(await standsStill(() => [sleeper.thread]), true)
})

for (const [what, step] of [
  ['polls without a pause', ''],
  ['polls every 50 ms', 'Atomics.wait(word, 0, 0, 50)'],
] as const) {
  it(`standsStill: not of a thread that ${what}`, async () => {
    await using poller = await repeating(step)
    assert.equal(await standsStill(() => [poller.thread], 200, 2000), false)
  })
}

it('threadsOf: all threads of a process, of which this is one', () => {
  assert.ok(threadsOf(process.pid).includes(thisThread()))
})
