import type { Job, Result } from './job.ts'
import type { Pool } from './pools.ts'

/** Calls of each worker before the first that counts: it loads the module, and engines compile it. */
const WARM_UP_CALLS = 4

export interface Measured {
  readonly callsPerS: number
  /** In the order of the inputs. */
  readonly results: readonly Result[]
}

/**
 * Runs all calls of a job, all of them asked for at once, and takes the time.
 *
 * @param workers of the pool; 0: this thread runs one call after the other
 */
export async function measure(pool: Pool, { inputs }: Job, workers: number): Promise<Measured> {
  const run = workers === 0 ? oneByOne : allAtOnce
  const warmUps = Array.from({ length: WARM_UP_CALLS * Math.max(workers, 1) }, (_, i) => inputs[i % inputs.length]!)
  await run(pool, warmUps)
  const startMs = performance.now()
  const results = await run(pool, inputs)
  return { callsPerS: (inputs.length / (performance.now() - startMs)) * 1000, results }
}

async function oneByOne(pool: Pool, inputs: readonly Uint8Array[]): Promise<Result[]> {
  const results: Result[] = []
  for (const input of inputs) results.push(await pool.call(input))
  return results
}

function allAtOnce(pool: Pool, inputs: readonly Uint8Array[]): Promise<Result[]> {
  return Promise.all(inputs.map((input) => pool.call(input)))
}
