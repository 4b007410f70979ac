// background local|tcp|offload POOL MEASURE_MS: a leased worker is used while another node of this machine, with a pool
// of POOL, prepares its executors. local and tcp: invokeSync of a raw no-op, as in hot.ts; offload: computes on as many
// workers as there are cores. Prints how many executors were ready at the end: fewer than POOL means that one was being
// prepared, or waited for an idle core, all the time.
import { availableParallelism } from 'node:os'
import { leaseBusyWorkers } from './busy-workers.ts'
import { startHost } from './host.ts'
import { ratePerSecond, WARMUP_MS } from './rate.ts'
import { beginTrial, numberArgument, printSamples, printValue, timeTrips } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Functions from './functions.ts'

const PAYLOAD_BYTES = 64
const WARMUP_TRIPS = 20_000
/** Of a turn of trips, as many are kept: a hot no-op makes a million in a second. */
const TRIPS_KEPT = 1_000
const TRIPS_PER_TURN = 10_000

beginTrial()
const way = process.argv[2] as 'local' | 'tcp' | 'offload'
const poolSize = numberArgument(1, 'POOL')
const measureMs = numberArgument(2, 'MEASURE_MS')

async function hot(fabric: 'local' | 'tcp'): Promise<void> {
  await using leased = await leaseWorkers<typeof Functions>({
    functions: new URL('functions.ts', import.meta.url),
    fabric,
    payloadBytesMax: 4096,
  })
  const { lease } = leased
  const slot = lease.reserve(PAYLOAD_BYTES)
  const trip = (): void => {
    if (lease.invokeSync('noop', slot, PAYLOAD_BYTES).length !== PAYLOAD_BYTES)
      throw new Error('The result has another length')
  }
  await timeTrips(trip, 1, WARMUP_TRIPS)
  await using other = await startHost(poolSize)
  const kept: Float64Array[] = []
  for (const endMs = performance.now() + measureMs; performance.now() < endMs;) {
    kept.push((await timeTrips(trip, TRIPS_PER_TURN, 0)).subarray(0, TRIPS_KEPT))
  }
  printValue('poolReady', other.ready)
  for (const samplesNs of kept) printSamples(samplesNs)
}

async function offload(): Promise<void> {
  await using busy = await leaseBusyWorkers('compute', availableParallelism())
  await ratePerSecond(busy.lanes, WARMUP_MS, WARMUP_MS)
  await using other = await startHost(poolSize)
  printValue('callsPerSecond', await ratePerSecond(busy.lanes, 0, measureMs))
  printValue('poolReady', other.ready)
}

await (way === 'offload' ? offload() : hot(way))
