import { availableParallelism } from 'node:os'
import { RfaasError, type Cluster } from 'rfaas'
import { counted } from '../shared/format.ts'
import { median } from '../shared/median.ts'
import type { Job, Result } from './job.ts'
import { measure } from './measure.ts'
import { openAlone, openLease, openPiscina, type Pool, type PoolKind } from './pools.ts'

/** One way to run the calls. */
export interface Way {
  readonly kind: PoolKind
  /** 0: this thread alone. */
  readonly workers: number
}

/** How many calls a second, as the median of all rounds. */
export interface WayMeasured extends Way {
  readonly callsPerS: number
  /** Against piscina with as many threads, in the same round; the median. `null` for this thread alone. */
  readonly overPiscina: number | null
}

export interface PoolComparison {
  readonly title: string
  /** Of one round. */
  readonly calls: number
  /** This thread alone first. */
  readonly measured: readonly WayMeasured[]
  /** What the check of the results says. */
  readonly check: string
}

/** This thread alone, then each kind of pool with 1 worker to as many as there are processors. */
export function waysFor(processors: number = availableParallelism()): Way[] {
  const ways: Way[] = [{ kind: 'alone', workers: 0 }]
  for (let workers = 1; workers <= processors; workers++)
    for (const kind of ['piscina', 'local', 'tcp'] as const) ways.push({ kind, workers })
  return ways
}

/**
 * Runs all calls in all ways in turn, round by round, so that what else the machine does meets all of them. Every pool
 * is new: none is there, with threads that poll or wait, while another is measured.
 *
 * @param cluster has a free core for each worker
 * @throws {RfaasError} `internal` when two ways give different results, or the job's check fails
 */
export async function compare(
  job: Job,
  cluster: Cluster,
  rounds: number,
  signal: AbortSignal,
): Promise<PoolComparison> {
  const ways = waysFor()
  const rates = ways.map((): number[] => [])
  let expected: readonly Result[] = []
  for (let round = 0; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      await using pool = await open(job, way, cluster)
      const { callsPerS, results } = await measure(pool, job, way.workers)
      if (way.kind === 'alone') expected = results
      else assertSame(results, expected, way)
      rates[index]!.push(callsPerS)
      signal.throwIfAborted()
    }
  }
  const measured = ways.map((way, index) => {
    const piscina = ways.findIndex(({ kind, workers }) => kind === 'piscina' && workers === way.workers)
    const overPiscina =
      piscina < 0 ? null : median(rates[index]!.map((callsPerS, round) => callsPerS / rates[piscina]![round]!))
    return { ...way, callsPerS: median(rates[index]!), overPiscina }
  })
  return { title: job.title, calls: job.inputs.length, measured, check: await job.check(expected) }
}

async function open(job: Job, { kind, workers }: Way, cluster: Cluster): Promise<Pool> {
  switch (kind) {
    case 'alone':
      return openAlone(job)
    case 'piscina':
      return openPiscina(job, workers)
    case 'local':
    case 'tcp':
      return openLease(job, cluster, kind, workers)
  }
}

/** @throws {RfaasError} `internal` when a result is not the one that this thread alone has computed */
export function assertSame(results: readonly Result[], expected: readonly Result[], { kind, workers }: Way): void {
  const call = expected.findIndex((result, i) => !isSame(result, results[i]))
  if (call < 0) return
  const pool = `${kind} with ${counted(workers, 'worker')}`
  throw new RfaasError('internal', `Call ${call} on ${pool} gave another result than this thread`)
}

/** A Buffer and a Uint8Array with the same bytes are the same. */
function isSame(a: Result, b: Result | undefined): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b
}
