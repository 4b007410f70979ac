import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from 'rfaas'
import { median } from '../shared/median.ts'
import type { Application, Run } from './application.ts'

/** Longer than a worker polls after its last invocation: a worker that polls takes a processor from what comes next. */
const COOL_MS = 30
/** Runs before the first that counts: engines compile the functions meanwhile. */
const WARM_UP_RUNS = 3

/** One way to do the work. */
export interface Way {
  /** Leased workers that take part; 0: none. */
  readonly workers: number
  /** Whether this thread takes part. */
  readonly caller: boolean
}

/** How long it took, as the median of all rounds. */
export interface Measured extends Way {
  readonly ms: number
  /** Against this thread alone, in the same round; the median. */
  readonly speedup: number
  /** `speedup` for each thread that takes part. */
  readonly efficiency: number
}

export interface Comparison {
  readonly title: string
  /** This thread alone first. */
  readonly measured: readonly Measured[]
  /** What the check of the last result says. */
  readonly check: string
}

/** All ways that this machine has a processor for each thread for. */
export function waysFor(processors: number = availableParallelism()): Way[] {
  const ways: Way[] = [{ workers: 0, caller: true }]
  for (let workers = 1; workers <= processors; workers++) {
    ways.push({ workers, caller: false })
    if (workers < processors) ways.push({ workers, caller: true })
  }
  return ways
}

/** Does the work in all ways in turn, round by round, so that what else the machine does meets all of them. */
export async function compare<M>(
  application: Application<M>,
  cluster: Cluster,
  rounds: number,
  signal: AbortSignal,
): Promise<Comparison> {
  const ways = waysFor()
  const elapsedMs = ways.map((): number[] => [])
  let check = ''
  for (let round = 0; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      await using stack = new AsyncDisposableStack()
      const run = stack.use(await prepare(application, cluster, way, stack))
      for (let times = 0; times < WARM_UP_RUNS; times++) await run.run()
      application.forget()
      const startMs = performance.now()
      await run.run()
      elapsedMs[index]!.push(performance.now() - startMs)
      check = application.check()
      application.forget()
      signal.throwIfAborted()
    }
  }
  const measured = ways.map((way, index) => {
    const speedup = median(elapsedMs[index]!.map((ms, round) => elapsedMs[0]![round]! / ms))
    const threads = way.workers + (way.caller ? 1 : 0)
    return { ...way, ms: median(elapsedMs[index]!), speedup, efficiency: speedup / threads }
  })
  return { title: application.title, measured, check }
}

async function prepare<M>(
  application: Application<M>,
  cluster: Cluster,
  { workers, caller }: Way,
  stack: AsyncDisposableStack,
): Promise<Run> {
  application.forget()
  if (workers === 0) return { run: () => application.alone(), [Symbol.dispose]: () => {} }
  const { functions } = application
  const lease = stack.use(await cluster.lease<M>({ functions, cores: workers }))
  stack.defer(() => delay(COOL_MS))
  return application.on(lease, caller)
}
