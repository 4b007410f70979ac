// atomics sleep|spin PROCESSOR TRIPS WARMUP: sends a word to another thread and back. That thread runs on PROCESSOR and
// sleeps in Atomics.wait; the client sleeps or spins for the answer.
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { yieldProcessor } from '@rfaas/fabric'
import { place, thisThread, usageOf } from '../harness/placement.ts'
import { beginTrial, numberArgument, printSamples, printValue, timePausedTrips } from './samples.ts'

/** The same number of empty polls as our own client makes before it yields its processor. */
const LOOKS_PER_YIELD = 64
const REQUEST = 0
// On another cache line than REQUEST.
const ANSWER = 32

function serve(words: Int32Array): void {
  for (let n = 0; ; n++) {
    while (Atomics.load(words, REQUEST) === n) Atomics.wait(words, REQUEST, n)
    Atomics.store(words, ANSWER, n + 1)
    Atomics.notify(words, ANSWER)
  }
}

async function measure(): Promise<void> {
  beginTrial()
  const way = process.argv[2] as 'sleep' | 'spin'
  const trips = numberArgument(2, 'TRIPS')
  const warmup = numberArgument(3, 'WARMUP')
  const words = new Int32Array(new SharedArrayBuffer(4 * 2 * ANSWER))
  const server = new Worker(new URL(import.meta.url), { workerData: words })
  const [worker] = (await once(server, 'message')) as [string]
  place(worker, numberArgument(1, 'PROCESSOR'))

  let sent = 0
  const trip = (): void => {
    Atomics.store(words, REQUEST, ++sent)
    Atomics.notify(words, REQUEST)
    if (way === 'sleep') {
      while (Atomics.load(words, ANSWER) !== sent) Atomics.wait(words, ANSWER, sent - 1)
    } else {
      yieldProcessor()
      for (let looks = 1; Atomics.load(words, ANSWER) !== sent; looks++) {
        if (looks % LOOKS_PER_YIELD === 0) yieldProcessor()
      }
    }
  }
  const before = usageOf(worker)
  const samplesNs = await timePausedTrips(trip, trips, warmup)
  printValue('sleepsPerTrip', (usageOf(worker).sleeps - before.sleeps) / (trips + warmup))
  printSamples(samplesNs)
  await server.terminate()
}

if (isMainThread) {
  await measure()
} else {
  parentPort!.postMessage(thisThread())
  serve(workerData as Int32Array)
}
