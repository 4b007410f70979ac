/** A thread that runs schedules. */
import { parentPort } from 'node:worker_threads'
import { BREAKS, NO_BREAK } from './breaks.ts'
import { runSchedule } from './schedule.ts'
import type { Errand, ErrandDone, Failure } from './seeds.ts'

// Thousands of refusals are thrown in a second, and their stacks are never read.
Error.stackTraceLimit = 0

parentPort!.on('message', (errand: Errand) => void run(errand).then((done) => parentPort!.postMessage(done)))

async function run({ firstSeed, count, breakName, stopsAtFailure }: Errand): Promise<ErrandDone> {
  const breaks = breakName === null ? NO_BREAK : BREAKS[breakName]!
  const failures: Failure[] = []
  let steps = 0
  let done = 0
  while (done < count && !(stopsAtFailure && failures.length > 0)) {
    const seed = firstSeed + done++
    const outcome = await runSchedule(seed, breaks)
    steps += outcome.steps
    if (outcome.failure !== null) failures.push({ seed, failure: outcome.failure })
  }
  return { count: done, steps, failures }
}
