// hot FABRIC PAYLOAD_BYTES TRIPS WARMUP: invokeSync of a raw no-op on a leased worker that never stops polling.
import { local } from 'rfaas'
import { beginTrial, numberArgument, printSamples, timeTrips } from './samples.ts'
import type * as Functions from './functions.ts'

beginTrial()
const fabric = process.argv[2] as 'local' | 'tcp' | 'verbs'
const payloadBytes = numberArgument(1, 'PAYLOAD_BYTES')

await using cluster = await local({ cores: 1 })
await using lease = await cluster.lease<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  fabric,
  hotTimeoutMs: 'always',
  payloadBytesMax: Math.max(4096, payloadBytes),
})
if (lease.fabric !== fabric) throw new Error(`The lease came over ${lease.fabric}, not ${fabric}`)

const slot = lease.reserve(payloadBytes)
slot.input.forEach((_, index) => (slot.input[index] = index))
const echoed = lease.invokeSync('echo', slot, payloadBytes)
if (Buffer.compare(echoed, slot.input.subarray(0, payloadBytes)) !== 0) throw new Error('The echo is not what was sent')

const trip = (): void => {
  if (lease.invokeSync('noop', slot, payloadBytes).length !== payloadBytes)
    throw new Error('The result has another length')
}
printSamples(await timeTrips(trip, numberArgument(2, 'TRIPS'), numberArgument(3, 'WARMUP')))
