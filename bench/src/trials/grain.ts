// grain FABRIC WORKERS STEPS BYTES MEASURE_MS: keeps every worker busy with invocations that compute for STEPS and carry
// BYTES each way, which the client copies in and out. With 0 workers, a loop in this process computes the same.
import { STEPS_BYTES, grain } from './grain-functions.ts'
import type * as Functions from './grain-functions.ts'
import { Rate, ratePerSecond, WARMUP_MS } from './rate.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import { spinCompute } from './work.ts'

/** Enough that each worker finds its next invocation waiting. */
const IN_FLIGHT_PER_WORKER = 4

beginTrial()
const fabric = process.argv[2]!
const workers = numberArgument(1, 'WORKERS')
const steps = numberArgument(2, 'STEPS')
const bytes = Math.max(STEPS_BYTES, numberArgument(3, 'BYTES'))
const measureMs = numberArgument(4, 'MEASURE_MS')

const source = new Uint8Array(bytes)
new DataView(source.buffer).setUint32(0, steps, true)
const expected = spinCompute(bytes, steps)

function alone(): number {
  const output = new Uint8Array(bytes)
  const rate = new Rate(WARMUP_MS, measureMs)
  for (; !rate.isOver; rate.done()) void grain(source, output)
  return rate.perSecond
}

async function leased(): Promise<number> {
  await using all = await leaseWorkers<typeof Functions>({
    functions: new URL('grain-functions.ts', import.meta.url),
    fabric,
    cores: workers,
    slots: IN_FLIGHT_PER_WORKER,
    payloadBytesMax: Math.max(4096, bytes),
  })
  const { lease } = all
  const lanes = Array.from({ length: workers * IN_FLIGHT_PER_WORKER }, (_, index) => {
    const slot = lease.reserve(bytes, index % workers)
    const target = new Uint8Array(bytes)
    const view = new DataView(target.buffer)
    return async (rate: Rate): Promise<void> => {
      for (; !rate.isOver; rate.done()) {
        slot.input.set(source)
        target.set(await lease.invoke('grain', slot))
        if (view.getUint32(0, true) !== expected) throw new Error('The result is wrong')
      }
    }
  })
  return await ratePerSecond(lanes, WARMUP_MS, measureMs)
}

printValue('callsPerSecond', workers === 0 ? alone() : await leased())
