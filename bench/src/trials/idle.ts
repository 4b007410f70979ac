// idle FABRIC always|never SECONDS: processor time of an idle worker, and of its whole executor.
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { usageOf } from '../harness/placement.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Functions from './functions.ts'

/** Time to finish the work that start-up has left in an executor that has just answered its first call. */
const SETTLE_MS = 500

beginTrial()
const [fabric, hotTimeoutMs] = process.argv.slice(2) as ['local' | 'tcp' | 'verbs', 'always' | 'never']
const seconds = numberArgument(2, 'SECONDS')

await using leased = await leaseWorkers<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  fabric,
  hotTimeoutMs,
})
const { lease } = leased
const worker = await lease.call.thread()
const [pid] = worker.split('/')
const executor = (): { cpuNs: number; sleeps: number } => {
  const threads = readdirSync(`/proc/${pid}/task`).map((tid) => usageOf(`${pid}/task/${tid}`))
  const sum = (one: 'cpuNs' | 'sleeps'): number => threads.reduce((total, usage) => total + usage[one], 0)
  return { cpuNs: sum('cpuNs'), sleeps: sum('sleeps') }
}

await delay(SETTLE_MS)
const before = { worker: usageOf(worker), executor: executor(), ms: performance.now() }
await delay(seconds * 1000)
const after = { worker: usageOf(worker), executor: executor(), ms: performance.now() }
const tookS = (after.ms - before.ms) / 1000
for (const who of ['worker', 'executor'] as const) {
  printValue(`${who}CpuUsPerS`, (after[who].cpuNs - before[who].cpuNs) / 1000 / tookS)
  printValue(`${who}SleepsPerS`, (after[who].sleeps - before[who].sleeps) / tookS)
}
