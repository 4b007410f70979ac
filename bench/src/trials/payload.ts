// payload FABRIC FUNCTION PAYLOAD_BYTES TRIPS WARMUP [warm]: invokeSync with PAYLOAD_BYTES each way, in place.
// FUNCTION `ends` touches the first and the last byte, `echo` copies input to output. With `warm`, the worker sleeps before
// each trip.
import { usageOf } from '../harness/placement.ts'
import { beginTrial, numberArgument, printSamples, printValue, timePausedTrips, timeTrips } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Work from './work.ts'

beginTrial()
const name = process.argv[3] as 'ends' | 'echo'
const payloadBytes = numberArgument(2, 'PAYLOAD_BYTES')
const trips = numberArgument(3, 'TRIPS')
const warmup = numberArgument(4, 'WARMUP')
const isWarm = process.argv[7] === 'warm'

await using leased = await leaseWorkers<typeof Work>({
  functions: new URL('work.ts', import.meta.url),
  fabric: process.argv[2]!,
  slots: 1,
  ...(isWarm && { hotTimeoutMs: 'never' }),
  payloadBytesMax: Math.max(4096, payloadBytes),
})
const { lease } = leased
// Asked before the only slot is reserved.
const worker = isWarm ? await lease.call.thread() : null
const slot = lease.reserve(payloadBytes)
const { input } = slot
for (let index = 0; index < payloadBytes; index++) input[index] = index

const last = payloadBytes - 1
let count = 0
const trip = (): void => {
  count = (count + 1) & 0xff
  input[0] = count
  input[last] = count
  const result = lease.invokeSync(name, slot, payloadBytes)
  if (result.length !== payloadBytes || result[0] !== count || result[last] !== count)
    throw new Error('The result is not what was sent')
}

if (worker !== null) {
  const before = usageOf(worker)
  const samplesNs = await timePausedTrips(trip, trips, warmup)
  // Counted because calls that find the worker still awake would make warm calls look faster than they are.
  printValue('sleepsPerTrip', (usageOf(worker).sleeps - before.sleeps) / (trips + warmup))
  printSamples(samplesNs)
} else {
  printSamples(await timeTrips(trip, trips, warmup))
}
