// async WAY TRIPS WARMUP: a no-op of 64 B on a hot local worker, awaited in one of three ways.
// WAY `sync` is `invokeSync`, `invoke` awaits the result in place, `call` awaits `lease.call`, which copies.
import { beginTrial, numberArgument, printSamples, timeAwaits, timeTrips } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Functions from './functions.ts'

const PAYLOAD_BYTES = 64

beginTrial()
const way = process.argv[2]
const trips = numberArgument(1, 'TRIPS')
const warmup = numberArgument(2, 'WARMUP')

await using leased = await leaseWorkers<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  fabric: 'local',
})
const { lease } = leased
const slot = lease.reserve(PAYLOAD_BYTES)
const input = new Uint8Array(PAYLOAD_BYTES)

function check(result: Uint8Array): void {
  if (result.length !== PAYLOAD_BYTES) throw new Error('The result has another length')
}

async function time(): Promise<Float64Array> {
  switch (way) {
    case 'sync':
      return await timeTrips(() => check(lease.invokeSync('noop', slot)), trips, warmup)
    case 'invoke':
      return await timeAwaits(() => lease.invoke('noop', slot), check, trips, warmup)
    case 'call':
      return await timeAwaits(() => lease.call.noop(input), check, trips, warmup)
    default:
      throw new Error(`WAY is neither sync, invoke nor call: ${way}`)
  }
}
printSamples(await time())
