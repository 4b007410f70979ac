// applications NAME SIZE WAY MEASURE_MS: how long one run of an application takes. WAY is `alone`, in this thread;
// `threads`, half of it in another thread over shared memory, both of which spin; or a fabric: this thread and one worker.
import { Worker } from 'node:worker_threads'
import { ParallelLoop } from 'rfaas'
import { DONE, WANTED, type ThreadData } from './application-thread.ts'
import * as work from './application-work.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { leaseWorkers } from './workers.ts'

/** Until the engine has compiled everything, and the loop has measured what items cost. */
const WARMUP_RUNS = 20
const RUNS_MIN = 5

beginTrial()
const name = process.argv[2] as work.ApplicationName
const size = numberArgument(1, 'SIZE')
const way = process.argv[4]!
const measureMs = numberArgument(3, 'MEASURE_MS')
const data = work.makeData(name, size)

/** Prints how long a run takes: the median, because the machine has slow spells. */
async function measure(run: () => void | Promise<void>): Promise<void> {
  const warmUntilMs = performance.now() + measureMs / 2
  for (let runs = 0; runs < WARMUP_RUNS || performance.now() < warmUntilMs; runs++) {
    await run()
    if (runs >= RUNS_MIN && performance.now() > warmUntilMs) break
  }
  const ms: number[] = []
  const endMs = performance.now() + measureMs
  while (ms.length < RUNS_MIN || performance.now() < endMs) {
    data.output.fill(NaN)
    const startMs = performance.now()
    await run()
    ms.push(performance.now() - startMs)
  }
  check()
  printValue('ms', ms.sort((a, b) => a - b)[Math.floor(ms.length / 2)]!)
}

/** Compares the last run with one in this thread. */
function check(): void {
  const found = data.output.slice()
  work.compute(name, data, 0, data.items)
  if (found.some((value, i) => value !== data.output[i])) throw new Error(`${name}: the result is wrong`)
}

async function onThreads(): Promise<void> {
  const control = new Int32Array(new SharedArrayBuffer(8))
  const half = data.items >> 1
  const workerData: ThreadData = { name, data, first: half, count: data.items - half, control }
  const worker = new Worker(new URL('./application-thread.ts', import.meta.url), { workerData })
  let wanted = 0
  await measure(() => {
    Atomics.store(control, WANTED, ++wanted)
    Atomics.notify(control, WANTED)
    work.compute(name, data, 0, half)
    while (Atomics.load(control, DONE) !== wanted);
  })
  await worker.terminate()
}

async function onLease(): Promise<void> {
  const options = { fabric: way, cores: 1 }
  const module = (file: string): URL => new URL(`../../../examples/${file}`, import.meta.url)
  const { input, whole, output, items } = data
  if (name === 'blackScholes') {
    await using workers = await leaseWorkers<typeof work.pricing>({
      ...options,
      functions: module('black-scholes/pricing.ts'),
    })
    using loop = new ParallelLoop(workers.lease, work.pricing, 'priceItems', { inputPerItem: work.ROW_NUMBERS })
    await measure(() => void loop.runSync(input, { output }))
  } else if (name === 'matmul') {
    const functions = module('matrix-multiplication/kernels.ts')
    await using workers = await leaseWorkers<typeof work.matmul>({ ...options, functions })
    work.matmul.load(whole)
    using loop = new ParallelLoop(workers.lease, work.matmul, 'multiply', { inputPerItem: items, outputPerItem: items })
    await measure(async () => {
      // The right matrix may be another one in each run, so each run sends it.
      await workers.lease.each.load(whole)
      loop.runSync(input, { output })
    })
  } else {
    await using workers = await leaseWorkers<typeof work.jacobi>({ ...options, functions: module('jacobi/kernels.ts') })
    work.jacobi.load(whole, input)
    await workers.lease.each.load(whole, input)
    using loop = new ParallelLoop(workers.lease, work.jacobi, 'sweep')
    await measure(() => void loop.runSync(items, { common: input, output }))
  }
}

if (way === 'alone') await measure(() => work.compute(name, data, 0, data.items))
else if (way === 'threads') await onThreads()
else await onLease()
