// parallel FUNCTION WORKERS MEASURE_MS: keeps every worker busy; with 0 workers, runs the function in this process.
// FUNCTION is `compute` or `noop`.
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { Rate, ratePerSecond, WARMUP_MS } from './rate.ts'
import { leaseBusyWorkers } from './busy-workers.ts'
import * as work from './work.ts'

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
  await using busy = await leaseBusyWorkers(name, workers)
  return await ratePerSecond(busy.lanes, WARMUP_MS, measureMs)
}

printValue('callsPerSecond', workers === 0 ? alone() : await leased())
