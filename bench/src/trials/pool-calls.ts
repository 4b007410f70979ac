// pool-calls JOB KIND MEASURE_MS: calls a second of an example's function on as many workers as there are processors.
// JOB is `thumbnailer` or `recognition`; KIND is `piscina` or a fabric, for leased workers. Its packages are installed.
import { availableParallelism } from 'node:os'
import { local } from 'rfaas'
import { assertSame } from '../../../examples/beside-piscina/compare.ts'
import type { Job } from '../../../examples/beside-piscina/job.ts'
import { measure } from '../../../examples/beside-piscina/measure.ts'
import { openAlone, openLease, openPiscina, type PoolKind } from '../../../examples/beside-piscina/pools.ts'
import { median } from '../harness/rounds.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'

/** Of one batch, for each worker. */
const CALLS = 8

beginTrial()
const kind = process.argv[3] as Exclude<PoolKind, 'alone'>
const measureMs = numberArgument(2, 'MEASURE_MS')
const workers = availableParallelism()
const job = await makeJob(process.argv[2]!, CALLS * workers)

async function makeJob(name: string, calls: number): Promise<Job> {
  if (name === 'thumbnailer')
    return (await import('../../../examples/thumbnailer/job.ts')).Thumbnailer.make(calls, null)
  if (name === 'recognition')
    return (await import('../../../examples/image-recognition/job.ts')).ImageRecognition.make(calls)
  throw new Error(`JOB is neither thumbnailer nor recognition: ${name}`)
}

await using stack = new AsyncDisposableStack()
const cluster = stack.use(await local({ cores: workers, pool: 0 }))
const pool = stack.use(kind === 'piscina' ? openPiscina(job, workers) : await openLease(job, cluster, kind, workers))
// The first batch warms up: engines compile, and libraries fill their heaps.
let { results } = await measure(pool, job, workers)
const rates: number[] = []
for (const endMs = performance.now() + measureMs; rates.length === 0 || performance.now() < endMs;) {
  const measured = await measure(pool, job, workers)
  results = measured.results
  rates.push(measured.callsPerS)
}
await using alone = await openAlone(job)
const expected = (await measure(alone, job, 0)).results
assertSame(results, expected, { kind, workers })
await job.check(expected)
printValue('callsPerS', median(rates))
