/**
 * A thread that invokes at random moments around the hot timeout, in every possible way, and records its progress. It
 * may hang for ever, even spinning in JavaScript: the thread that started it watches `progress` and terminates it.
 */
import { strict as assert } from 'node:assert'
import { setImmediate } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'
import { connect, type Lease, type LeaseOptions } from 'rfaas'

import type * as Functions from './functions.ts'
import { DONE, LEASE, TICK_MS, TICKS, WAY, WAY_NAMES, WAYS, type WakeUpJob, type WayName } from './wake-up-job.ts'

/** Longer than a busy machine keeps a thread from running, but shorter than a sleeper takes to wake up by itself. */
const LATE_MS = 800
/** When at least this share of the expected ticks has come, the machine was not standing still. */
const TICKS_SHARE = 0.5
const LATE_COUNT_MAX = 2
const BATCH_MAX = 16
/** About how long a worker without a hot timeout takes from its answer until it sleeps. */
const FALL_ASLEEP_MS = 0.01

type Workers = Lease<typeof Functions>

const { url, functions, fabric, seed, hotTimeoutsMs, invocations, progress } = workerData as WakeUpJob

let state = seed
/** mulberry32. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

/** Pauses until about the moment at which a hot worker falls asleep. */
async function pause(hotTimeoutMs: number): Promise<void> {
  const endMs = performance.now() + random() * 2 * Math.max(hotTimeoutMs, FALL_ASLEEP_MS)
  const isYielding = random() < 0.25
  while (performance.now() < endMs) if (isYielding) await setImmediate()
}

const input = new Uint8Array(8)
const words = new Uint32Array(input.buffer)

/** A lease, and its slot for in-place calls. */
class Subject {
  readonly workers: Workers
  readonly hotTimeoutMs: number
  readonly slot: ReturnType<Workers['reserve']>

  constructor(workers: Workers, hotTimeoutMs: number) {
    this.workers = workers
    this.hotTimeoutMs = hotTimeoutMs
    this.slot = workers.reserve(input.length)
  }
}

type Way = (subject: Subject) => Promise<Uint8Array[]> | Uint8Array[]

function batch({ workers }: Subject): Promise<Uint8Array[]> {
  const calls = Array.from({ length: 1 + Math.floor(random() * BATCH_MAX) }, () => workers.call.invert(input))
  return Promise.all(calls)
}

async function mixedBatch(subject: Subject): Promise<Uint8Array[]> {
  const { workers } = subject
  const under = [workers.call.invertLater(input), workers.call.invertAfterTurns(input), workers.call.invert(input)]
  // While those are in flight the client spins for this one, and settles the others as they arrive.
  const last = workers.invokeSync('invert', subject.slot).slice()
  return [...(await Promise.all(under)), last]
}

const DO: Record<WayName, Way> = {
  invokeSync: ({ workers, slot }) => [workers.invokeSync('invert', slot)],
  invoke: async ({ workers, slot }) => [await workers.invoke('invert', slot)],
  call: async ({ workers }) => [await workers.call.invert(input)],
  'invoke of a function that awaits': async ({ workers, slot }) => [await workers.invoke('invertLater', slot)],
  'call that is under way while the worker falls asleep': async ({ workers }) => [
    await workers.call.invertAfterTurns(input),
  ],
  'a batch': batch,
  'a mixed batch around an invokeSync': mixedBatch,
}
/** Each way as often as its weight. */
const LOTS = WAY_NAMES.flatMap((name, way) => Array.from({ length: WAYS[name] }, () => way))

await using cluster = await connect(url)
await using leases = new AsyncDisposableStack()
const subjects: Subject[] = []
for (const hotTimeoutMs of hotTimeoutsMs) {
  // One lease never spins for a result, the other does for a while: the client then sleeps at different moments.
  for (const spinUs of [0, 50]) {
    const options: LeaseOptions = { functions, fabric, hotTimeoutMs, spinUs, payloadBytesMax: 1024 }
    subjects.push(new Subject(leases.use(await cluster.lease<typeof Functions>(options)), hotTimeoutMs))
  }
}

let late = 0
for (let done = 0; done < invocations;) {
  const chosen = Math.floor(random() * subjects.length)
  const subject = subjects[chosen]!
  const way = LOTS[Math.floor(random() * LOTS.length)]!
  words[0] = done
  words[1] = Math.floor(random() * 2 ** 32)
  subject.slot.input.set(input)
  await pause(subject.hotTimeoutMs)
  Atomics.store(progress, LEASE, chosen)
  Atomics.store(progress, WAY, way)
  const began = { ms: performance.now(), ticks: Atomics.load(progress, TICKS) }
  const results = await DO[WAY_NAMES[way]!](subject)
  const tookMs = performance.now() - began.ms
  if (tookMs > LATE_MS && (Atomics.load(progress, TICKS) - began.ticks) * TICK_MS > TICKS_SHARE * tookMs) {
    // A machine that stands still can make a call late, too, but not again and again.
    late++
    const what = `${WAY_NAMES[way]!} on lease ${chosen} took ${tookMs} ms, until the sleeper looked up by itself`
    if (late > LATE_COUNT_MAX)
      throw new Error(`${late} wake-ups were lost, the last after ${done} invocations: ${what}; seed ${seed}`)
  }
  for (const result of results) {
    for (let i = 0; i < input.length; i++) assert.equal(result[i], 255 - input[i]!)
  }
  done += results.length
  Atomics.store(progress, DONE, done)
}
