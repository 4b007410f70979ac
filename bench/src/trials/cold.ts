// cold worker SAMPLES: times `new Worker(file)` until its first answer.
// cold kept|pooled|unpooled|refilling|first FABRIC SAMPLES: times `cluster.lease()` until the first result of an
// invocation. Manager and node run in another process. The program leases some times before the samples; `first` times
// its very first lease, `kept` a lease that gets the executor of the lease before, and `refilling` one that comes while
// the node prepares an executor for its pool.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { connect, type Cluster, type LeaseTimings } from 'rfaas'
import type * as Functions from './functions.ts'
import { startHost } from './host.ts'
import { beginTrial, numberArgument, printSamples } from './samples.ts'

beginTrial()
const PAYLOAD_BYTES = 64
/** Pause between two samples, so that everything of the last one has ended. */
const PAUSE_MS = 100
const WARMUP = 8
/** From a lease until its node has begun to refill its pool, which takes some 150 ms. */
const REFILLING_MS = 250
const mode = process.argv[2] as 'worker' | 'kept' | 'pooled' | 'unpooled' | 'refilling' | 'first'

/** What the lease must have got; null where it may be either. */
const STARTS = { kept: 'kept', pooled: 'pooled', first: 'pooled', unpooled: 'cold', refilling: null } as const

async function timeWorker(): Promise<number> {
  const startMs = performance.now()
  const worker = new Worker(new URL('cold-peer.mjs', import.meta.url))
  worker.postMessage(1)
  await once(worker, 'message')
  const tookMs = performance.now() - startMs
  await worker.terminate()
  return tookMs
}

const PHASES = [
  'bundleMs',
  'grantMs',
  'uploadMs',
  'allocateMs',
  'startMs',
  'loadMs',
  'connectMs',
  'firstCallMs',
  'totalMs',
] as const
type Phases = Record<(typeof PHASES)[number], number>

async function timeLease(cluster: Cluster, start: LeaseTimings['start'] | null): Promise<Phases> {
  const startMs = performance.now()
  const lease = await cluster.lease<typeof Functions>({
    functions: new URL('functions.ts', import.meta.url),
    fabric: process.argv[3] as 'local' | 'tcp' | 'verbs',
    keepWarmMs: mode === 'kept' ? 60_000 : 0,
  })
  const leasedMs = performance.now()
  const { length } = await lease.call.noop(new Uint8Array(PAYLOAD_BYTES))
  const endMs = performance.now()
  if (length !== PAYLOAD_BYTES) throw new Error('The result has another length')
  if (start !== null && lease.timings.start !== start)
    throw new Error(`The executor was started ${lease.timings.start}, not ${start}`)
  await lease.release()
  return { ...lease.timings, totalMs: endMs - startMs, firstCallMs: endMs - leasedMs }
}

function printPhases(leases: readonly Phases[]): void {
  for (const name of PHASES) {
    const sorted = leases.map((phases) => phases[name]).sort((a, b) => a - b)
    process.stdout.write(`${name}=${sorted[sorted.length >> 1]}\n`)
  }
}

if (mode === 'worker') {
  const samples = numberArgument(1, 'SAMPLES')
  const samplesNs: number[] = []
  for (let index = -WARMUP; index < samples; index++) {
    await delay(PAUSE_MS)
    const tookMs = await timeWorker()
    if (index >= 0) samplesNs.push(tookMs * 1e6)
  }
  printSamples(Float64Array.from(samplesNs))
} else {
  const samples = mode === 'first' ? 1 : numberArgument(2, 'SAMPLES')
  const start = STARTS[mode]
  await using host = await startHost(mode === 'unpooled' ? 0 : 1)
  const cluster = await connect(host.url)
  const leases: Phases[] = []
  for (let index = mode === 'first' ? 0 : -WARMUP; index < samples; index++) {
    await host.refilled()
    await delay(PAUSE_MS)
    if (mode === 'refilling') {
      await timeLease(cluster, 'pooled')
      await delay(REFILLING_MS)
    }
    // The very first lease cannot find a kept executor.
    const lease = await timeLease(cluster, mode === 'kept' && index === -WARMUP ? null : start)
    if (index >= 0) leases.push(lease)
  }
  printSamples(Float64Array.from(leases, ({ totalMs }) => totalMs * 1e6))
  printPhases(leases)
  await cluster.close()
}
