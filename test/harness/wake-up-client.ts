/**
 * A thread that invokes at random moments around the hot timeout, in every way there is, and says how far it is. It
 * may wait for ever, in JavaScript that spins too: whoever started it watches `progress` and ends it.
 */
import { strict as assert } from 'node:assert'
import { setImmediate } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { connect, type FabricChoice, type Lease } from 'rfaas'

import type * as Functions from './functions.ts'

export interface WakeUpJob {
  url: string
  functions: string
  fabric: FabricChoice
  seed: number
  hotTimeoutMs: number
  invocations: number
  /** Two words: invocations done, and the way of the one under way, an index of WAYS. */
  progress: Int32Array
}

const { url, functions, fabric, seed, hotTimeoutMs, invocations, progress } = workerData as WakeUpJob

let state = seed
/** mulberry32. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

async function pause(): Promise<void> {
  const endMs = performance.now() + random() * 2 * hotTimeoutMs
  const isYielding = random() < 0.5
  while (performance.now() < endMs) if (isYielding) await setImmediate()
}

await using cluster = await connect(url)
const options = { functions, fabric, hotTimeoutMs, payloadBytesMax: 1024 }
// One never spins for a result, the other for a while: who sleeps when, and on what, differs.
await using sleeping = await cluster.lease<typeof Functions>({ ...options, spinUs: 0 })
await using spinning = await cluster.lease<typeof Functions>({ ...options, spinUs: 50 })

const slots = new Map([sleeping, spinning].map((lease) => [lease, lease.reserve(8)]))
const input = new Uint8Array(8)
const words = new Uint32Array(input.buffer)

type Way = (lease: Lease<typeof Functions>) => Promise<Uint8Array[]> | Uint8Array[]
const WAYS: Way[] = [
  (lease) => [lease.invokeSync('invert', slots.get(lease)!)],
  async (lease) => [await lease.invoke('invert', slots.get(lease)!)],
  async (lease) => [await lease.invoke('invertLater', slots.get(lease)!)],
  async (lease) => [await lease.call.invert(input)],
  (lease) => Promise.all([lease.call.invert(input), lease.call.invertLater(input), lease.call.invert(input)]),
]

for (let done = 0; done < invocations;) {
  const lease = random() < 0.5 ? sleeping : spinning
  const way = Math.floor(random() * WAYS.length)
  words[0] = done
  words[1] = Math.floor(random() * 2 ** 32)
  slots.get(lease)!.input.set(input)
  await pause()
  Atomics.store(progress, 1, way)
  const results = await WAYS[way]!(lease)
  for (const result of results) {
    for (let i = 0; i < input.length; i++) assert.equal(result[i], 255 - input[i]!)
  }
  done += results.length
  Atomics.store(progress, 0, done)
}
