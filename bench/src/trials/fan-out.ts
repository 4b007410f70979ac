// fan-out FABRIC WORKERS BYTES TRIPS WARMUP: one invocation with BYTES each way on every worker at once, until all are
// answered. The function touches the first and the last byte.
import { beginTrial, numberArgument, printSamples, timeTrips } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Work from './work.ts'

beginTrial()
const workers = numberArgument(1, 'WORKERS')
const bytes = numberArgument(2, 'BYTES')

await using leased = await leaseWorkers<typeof Work>({
  functions: new URL('work.ts', import.meta.url),
  fabric: process.argv[2]!,
  cores: workers,
  slots: 1,
  payloadBytesMax: Math.max(4096, bytes),
})
const { lease } = leased
const slots = Array.from({ length: workers }, (_, worker) => lease.reserve(bytes, worker))
const last = bytes - 1
let count = 0
const trip = (): void => {
  count = (count + 1) & 0xff
  for (const { input } of slots) {
    input[0] = count
    input[last] = count
  }
  lease.invokeAllSync('ends', slots)
  for (const { output } of slots) {
    if (output.length !== bytes || output[0] !== count || output[last] !== count)
      throw new Error('A result is not what was sent')
  }
}
printSamples(await timeTrips(trip, numberArgument(3, 'TRIPS'), numberArgument(4, 'WARMUP')))
