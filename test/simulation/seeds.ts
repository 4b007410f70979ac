import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

/** Seeds in one errand of a thread. */
const CHUNK = 100

/** A planted bug counts as not found when it takes more seeds than this. */
const BREAK_SEEDS_MAX = 2_000

/** Seeds that a thread runs one after the other; optionally only until one fails. */
export interface Errand {
  readonly firstSeed: number
  readonly count: number
  /** Name of a planted bug; null for none. */
  readonly breakName: string | null
  readonly stopsAtFailure: boolean
}

export interface Failure {
  readonly seed: number
  readonly failure: string
}

/** A thread's report on its errand. */
export interface ErrandDone {
  readonly count: number
  readonly steps: number
  readonly failures: readonly Failure[]
}

export interface SeedsOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: ErrandDone) => void
}

/** Runs errands on all processors, in any order; results are in the order of the errands. Stops early when aborted. */
export async function runErrands(errands: readonly Errand[], options: SeedsOptions = {}): Promise<ErrandDone[]> {
  const { signal, onProgress } = options
  const done: ErrandDone[] = []
  let next = 0
  const work = async (): Promise<void> => {
    if (next >= errands.length || signal?.aborted) return
    const worker = new Worker(new URL('./thread.ts', import.meta.url))
    const stop = (): void => void worker.terminate()
    signal?.addEventListener('abort', stop)
    let answer = Promise.withResolvers<ErrandDone | null>()
    worker.on('message', (result: ErrandDone) => answer.resolve(result))
    worker.on('error', (error) => answer.reject(error))
    worker.on('exit', () => answer.resolve(null))
    try {
      while (next < errands.length && !signal?.aborted) {
        const index = next++
        worker.postMessage(errands[index])
        const result = await answer.promise
        answer = Promise.withResolvers()
        if (result === null) return
        done[index] = result
        onProgress?.(result)
      }
    } finally {
      signal?.removeEventListener('abort', stop)
      await worker.terminate()
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return done
}

/** Errands that together run these seeds. */
export function errandsFor(firstSeed: number, count: number): Errand[] {
  const errands: Errand[] = []
  for (let at = 0; at < count; at += CHUNK) {
    const size = Math.min(CHUNK, count - at)
    errands.push({ firstSeed: firstSeed + at, count: size, breakName: null, stopsAtFailure: false })
  }
  return errands
}

/** Errands that look for each of these planted bugs. */
export function breakErrands(names: readonly string[]): Errand[] {
  return names.map((breakName) => ({ firstSeed: 1, count: BREAK_SEEDS_MAX, breakName, stopsAtFailure: true }))
}
