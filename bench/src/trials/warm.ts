// warm FABRIC sync|await PROCESSOR TRIPS WARMUP: calls of a raw no-op on a leased worker on PROCESSOR, which sleeps
// before each call.
import { place, usageOf } from '../harness/placement.ts'
import { beginTrial, numberArgument, printSamples, printValue, timePausedTrips } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Functions from './functions.ts'

const PAYLOAD_BYTES = 64

beginTrial()
const [fabric, way] = process.argv.slice(2) as ['local' | 'tcp' | 'verbs', 'sync' | 'await']
const trips = numberArgument(3, 'TRIPS')
const warmup = numberArgument(4, 'WARMUP')

await using leased = await leaseWorkers<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  fabric,
  hotTimeoutMs: 'never',
})
const { lease } = leased
const worker = await lease.call.thread()
place(worker, numberArgument(2, 'PROCESSOR'))

const slot = lease.reserve(PAYLOAD_BYTES)
const check = ({ length }: Uint8Array): void => {
  if (length !== PAYLOAD_BYTES) throw new Error('The result has another length')
}
const trip =
  way === 'sync'
    ? (): void => check(lease.invokeSync('noop', slot))
    : (): Promise<void> => lease.invoke('noop', slot).then(check)

const before = usageOf(worker)
const samplesNs = await timePausedTrips(trip, trips, warmup)
// Counted because calls that find the worker still awake would make warm calls look faster than they are.
printValue('sleepsPerTrip', (usageOf(worker).sleeps - before.sleeps) / (trips + warmup))
printSamples(samplesNs)
