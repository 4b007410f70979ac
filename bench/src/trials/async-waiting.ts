// async-waiting OUTSTANDING: processor time, over a second, of a client that only waits for this many results.
import { setTimeout as sleep } from 'node:timers/promises'
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Work from './work.ts'

const MEASURE_MS = 1000
/** Time until all calls are submitted and the event loop is at rest. */
const SETTLE_MS = 100
/** Duration of `nap`, in hundreds of milliseconds: longer than the two times above together. */
const NAP_TENTHS_OF_S = 14

beginTrial()
const outstanding = numberArgument(0, 'OUTSTANDING')

await using leased = await leaseWorkers<typeof Work>({
  functions: new URL('work.ts', import.meta.url),
  fabric: 'local',
  hotTimeoutMs: 'never',
  slots: Math.max(1, outstanding),
  payloadBytesMax: 4096,
})
const { lease } = leased
const input = new Uint8Array(1).fill(NAP_TENTHS_OF_S)
await lease.call.noop(input)

let answered = 0
const naps = Array.from({ length: outstanding }, async () => {
  await lease.call.nap(input)
  answered++
})
await sleep(SETTLE_MS)
const before = process.cpuUsage()
await sleep(MEASURE_MS)
const { user, system } = process.cpuUsage(before)
if (answered > 0) throw new Error(`${answered} results came while the client was to wait`)
await Promise.all(naps)
printValue('cpuMsPerSecond', (user + system) / MEASURE_MS)
