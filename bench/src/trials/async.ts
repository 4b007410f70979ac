// async WAY TRIPS WARMUP: a no-op of 64 B on a hot local worker, awaited in one of several ways.
// WAY `sync` is `invokeSync`, `invoke` awaits the result in place, `call` awaits `lease.call`, which copies; `typed` awaits a
// typed call with an object of five numbers, `typedSync` spins for one.
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

const FIVE = { spot: 36, strike: 40, rate: 0.06, volatility: 0.2, years: 1 }
const TOTAL = 36 + 40 + 0.06 + 0.2 + 1

function checkTotal(total: number): void {
  if (total !== TOTAL) throw new Error(`The total is ${total}`)
}

async function time(): Promise<Float64Array> {
  switch (way) {
    case 'sync':
      return await timeTrips(() => check(lease.invokeSync('noop', slot)), trips, warmup)
    case 'invoke':
      return await timeAwaits(() => lease.invoke('noop', slot), check, trips, warmup)
    case 'call':
      return await timeAwaits(() => lease.call.noop(input), check, trips, warmup)
    case 'typed':
      return await timeAwaits(() => lease.call.total(FIVE), checkTotal, trips, warmup)
    case 'typedSync':
      return await timeTrips(() => checkTotal(lease.callSync.total(FIVE)), trips, warmup)
    default:
      throw new Error(`WAY is none of sync, invoke, call, typed and typedSync: ${way}`)
  }
}
printSamples(await time())
