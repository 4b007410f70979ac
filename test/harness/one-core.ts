/**
 * To be run on one processor (`taskset -c 0`): prints medians in microseconds of a round trip between two threads that
 * sleep and wake with Atomics, of a hot call, and of a warm one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import { dieWithParent, local } from 'rfaas'
import type * as Functions from './functions.ts'

const CALLS = 40
const HOT_TIMEOUT_MS = 5

dieWithParent()

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!
}

async function timed(call: () => void, pauseMs: number): Promise<number> {
  const tripsUs: number[] = []
  for (let index = 0; index < CALLS; index++) {
    await delay(pauseMs)
    const beganMs = performance.now()
    call()
    tripsUs.push((performance.now() - beganMs) * 1000)
  }
  return median(tripsUs)
}

const ECHO = `
  const words = new Int32Array(require('node:worker_threads').workerData)
  for (let n = 0; ; n++) {
    Atomics.wait(words, 0, n)
    Atomics.store(words, 1, n + 1)
    Atomics.notify(words, 1)
  }
`
const words = new Int32Array(new SharedArrayBuffer(8))
const echo = new Worker(ECHO, { eval: true, workerData: words.buffer })
let sent = 0
const atomicsUs = await timed(() => {
  Atomics.store(words, 0, ++sent)
  Atomics.notify(words, 0)
  while (Atomics.load(words, 1) !== sent) Atomics.wait(words, 1, sent - 1)
}, 1)
await echo.terminate()

await using cluster = await local({ cores: 1, pool: 0 })
await using lease = await cluster.lease<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  hotTimeoutMs: HOT_TIMEOUT_MS,
})
const slot = lease.reserve(8)
const call = (): void => void lease.invokeSync('echo', slot)
call()
const hotUs = await timed(call, 1)
const warmUs = await timed(call, 3 * HOT_TIMEOUT_MS)
console.log(JSON.stringify({ atomicsUs, hotUs, warmUs }))
