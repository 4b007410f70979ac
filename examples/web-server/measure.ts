import { median } from '../shared/median.ts'
import { drive, optionsOf, type Answers } from './load.ts'
import { ServerProcess } from './server-process.ts'
import { WAYS, type WayName } from './ways.ts'
import { price } from './work.ts'

/** How long the functions compute, about: one that is as short as a request, and one that is much longer. */
export const WORK_MS = [0.2, 5] as const
/** The high load: this many times what a server that computes itself answers. */
export const TIMES_ALONE = 2
/** Requests to each server before the first that counts: engines compile meanwhile. */
const WARM_UP_REQUESTS = 400

export const LOADS = ['single', 'double'] as const
/** One connection; or twice the load that a server carries which computes itself, on many connections. */
export type LoadName = (typeof LOADS)[number]

/** Medians over the rounds. */
export interface Measured {
  readonly way: WayName
  readonly load: LoadName
  readonly requestsPerS: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Work {
  readonly ms: number
  readonly paths: number
  /** What a server that computes itself answers, on many connections: the load that one thread carries. */
  readonly aloneRequestsPerS: number
  readonly measured: readonly Measured[]
}

export interface WebComparison {
  readonly workers: number
  readonly connections: number
  readonly works: readonly Work[]
  readonly checked: number
}

export interface MeasureOptions {
  readonly rounds: number
  /** Threads of piscina, and leased workers. */
  readonly workers: number
  /** Default: both of WORK_MS. */
  readonly worksMs?: readonly number[]
  /** At the high load; so many that no worker waits for the next request. Default 32. */
  readonly connections?: number
  /**
   * How long each server gets requests at a time. Whole seconds, because autocannon counts the high load
   * second by second. Default 1. */
  readonly seconds?: number
  readonly signal?: AbortSignal
}

/**
 * Sends requests to the three servers in turn, round by round, so that what else the machine does meets all of them.
 *
 * @throws {RfaasError} `internal` when a server fails or an answer is wrong
 */
export async function measure(options: MeasureOptions): Promise<WebComparison> {
  const { rounds, workers, worksMs = WORK_MS, connections = 32, seconds = 1, signal } = options
  await using stack = new AsyncDisposableStack()
  const servers: ServerProcess[] = []
  for (const way of Object.keys(WAYS) as WayName[]) servers.push(stack.use(await ServerProcess.start(way, workers)))
  const itself = servers.find(({ way }) => way === 'itself')!
  const works = worksMs.map((ms) => ({ ms, options: optionsOf(pathsFor(ms)), alone: [] as Answers[] }))
  const answers = new Map<string, Answers[]>()
  const keep = (key: string, one: Answers): void => void (answers.get(key)?.push(one) ?? answers.set(key, [one]))

  for (const { url } of servers) await drive(url, works[0]!.options, { connections: 8, requests: WARM_UP_REQUESTS })
  for (let round = 0; round < rounds; round++) {
    for (const { ms, options, alone } of works) {
      signal?.throwIfAborted()
      alone.push(await drive(itself.url, options, { connections, seconds }))
      const requestsPerS = TIMES_ALONE * alone.at(-1)!.requestsPerS
      const loads = { single: { connections: 1 }, double: { connections, requestsPerS } }
      for (const load of LOADS) {
        for (const { way, url } of servers) {
          signal?.throwIfAborted()
          keep(`${ms} ${load} ${way}`, await drive(url, options, { ...loads[load], seconds }))
        }
      }
    }
  }
  const middle = (all: readonly Answers[], what: keyof Answers): number => median(all.map((one) => one[what]))
  return {
    workers,
    connections,
    works: works.map(({ ms, options, alone }) => ({
      ms,
      paths: options[0]!.paths,
      aloneRequestsPerS: middle(alone, 'requestsPerS'),
      measured: LOADS.flatMap((load) =>
        servers.map(({ way }) => {
          const all = answers.get(`${ms} ${load} ${way}`)!
          const [requestsPerS, p50Ms, p99Ms] = (['requestsPerS', 'p50Ms', 'p99Ms'] as const).map((w) => middle(all, w))
          return { way, load, requestsPerS: requestsPerS!, p50Ms: p50Ms!, p99Ms: p99Ms! }
        }),
      ),
    })),
    checked: [...answers.values(), ...works.map(({ alone }) => alone)]
      .flat()
      .reduce((sum, one) => sum + one.checked, 0),
  }
}

/** How many paths take so long here, in two digits: the best of some tries, because other programs disturb most of them. */
function pathsFor(ms: number): number {
  const paths = 1000
  let bestMs = Infinity
  for (let tries = 0; tries < 200; tries++) {
    const startMs = performance.now()
    price({ strike: 100, paths, seed: tries })
    bestMs = Math.min(bestMs, performance.now() - startMs)
  }
  return Number(((ms / bestMs) * paths).toPrecision(2))
}
