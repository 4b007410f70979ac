// async-hold FUNCTION CALLS SPIN_US: how long a call blocks the event loop.
// FUNCTION `slow` answers long after the spin is over. `noop` is awaited repeatedly, each answered within the spin.
import { beginTrial, numberArgument, printSamples } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Work from './work.ts'

/** Duration of `slow`, in tens of microseconds. */
const SLOW_TENS_OF_US = 30

beginTrial()
const name = process.argv[2] as 'slow' | 'noop'
const calls = numberArgument(1, 'CALLS')

await using leased = await leaseWorkers<typeof Work>({
  functions: new URL('work.ts', import.meta.url),
  fabric: 'local',
  spinUs: numberArgument(2, 'SPIN_US'),
})
const { lease } = leased
const input = new Uint8Array(64).fill(SLOW_TENS_OF_US)

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Time from one call that cannot be answered within the spin until the call lets the event loop turn. */
async function holdOfOne(): Promise<number> {
  const turned = turn()
  const beginMs = performance.now()
  const result = lease.call.slow(input)
  await turned
  const heldMs = performance.now() - beginMs
  await result
  return heldMs
}

/** The longest time between two turns of the event loop while calls are awaited one after another. */
async function holdOfChain(): Promise<number> {
  let heldMs = 0
  let isOver = false
  const watch = async (): Promise<void> => {
    for (let turnedMs = performance.now(); !isOver;) {
      await turn()
      const nowMs = performance.now()
      heldMs = Math.max(heldMs, nowMs - turnedMs)
      turnedMs = nowMs
    }
  }
  const watched = watch()
  for (let call = 0; call < CALLS_PER_CHAIN; call++) await lease.call.noop(input)
  isOver = true
  await watched
  return heldMs
}

const CALLS_PER_CHAIN = 10_000

const hold = name === 'slow' ? holdOfOne : holdOfChain
await hold()
const samplesNs = new Float64Array(calls)
for (let call = 0; call < calls; call++) {
  samplesNs[call] = (await hold()) * 1e6
  await turn()
}
printSamples(samplesNs)
