// hot FABRIC PAYLOAD_BYTES TRIPS WARMUP: invokeSync of a raw no-op on a leased worker that never stops polling.
import { beginTrial, numberArgument, printSamples, timeTrips } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Functions from './functions.ts'

beginTrial()
const fabric = process.argv[2] as 'local' | 'tcp' | 'verbs'
const payloadBytes = numberArgument(1, 'PAYLOAD_BYTES')

await using leased = await leaseWorkers<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  fabric,
  payloadBytesMax: Math.max(4096, payloadBytes),
})
const { lease } = leased

const slot = lease.reserve(payloadBytes)
slot.input.forEach((_, index) => (slot.input[index] = index))
const echoed = lease.invokeSync('echo', slot, payloadBytes)
if (Buffer.compare(echoed, slot.input.subarray(0, payloadBytes)) !== 0) throw new Error('The echo is not what was sent')

const trip = (): void => {
  if (lease.invokeSync('noop', slot, payloadBytes).length !== payloadBytes)
    throw new Error('The result has another length')
}
printSamples(await timeTrips(trip, numberArgument(2, 'TRIPS'), numberArgument(3, 'WARMUP')))
