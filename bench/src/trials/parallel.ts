// parallel FUNCTION WORKERS MEASURE_MS: keeps every worker busy; with 0 workers, runs the function in this process.
// FUNCTION is `compute` or `noop`.
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { Rate, ratePerSecond, WARMUP_MS } from './rate.ts'
import { leaseWorkers } from './workers.ts'
import * as work from './work.ts'

/** Enough that each worker finds its next invocation waiting. */
const IN_FLIGHT_PER_WORKER = 4

beginTrial()
const name = process.argv[2] as 'compute' | 'noop'
const workers = numberArgument(1, 'WORKERS')
const measureMs = numberArgument(2, 'MEASURE_MS')

function alone(): number {
  const input = new Uint8Array(64)
  const output = new Uint8Array(64)
  const rate = new Rate(WARMUP_MS, measureMs)
  for (; !rate.isOver; rate.done()) void work[name](input, output)
  return rate.perSecond
}

async function leased(): Promise<number> {
  await using leased = await leaseWorkers<typeof work>({
    functions: new URL('work.ts', import.meta.url),
    fabric: 'local',
    cores: workers,
    slots: IN_FLIGHT_PER_WORKER,
    payloadBytesMax: 4096,
  })
  const { lease } = leased
  const lanes = Array.from({ length: workers * IN_FLIGHT_PER_WORKER }, (_, index) => {
    const slot = lease.reserve(64, index % workers)
    return async (rate: Rate): Promise<void> => {
      for (; !rate.isOver; rate.done()) await lease.invoke(name, slot)
    }
  })
  return await ratePerSecond(lanes, WARMUP_MS, measureMs)
}

printValue('callsPerSecond', workers === 0 ? alone() : await leased())
