import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { measureBare } from './bare.ts'
import { chunksOf } from './chunks.ts'
import { startClusterProcesses, type NodeOptions } from './cluster-processes.ts'
import { whole } from '../shared/format.ts'
import { costOfAnOption } from './here.ts'
import { priceOnLeases, type OnLeases } from './on-leases.ts'
import { readParsecFile } from './parsec-file.ts'
import { makePortfolio } from './portfolio.ts'
import { Phases, type Progress } from './progress.ts'
import type { JobResult } from './result.ts'

export interface JobOptions {
  /** A file in PARSEC's format; null for a portfolio of our own. */
  input: string | null
  /** Size and seed of our own portfolio. */
  options: number
  seed: number
}

/** One core for this thread, one for the node that is reached over the network, the others for the one that is near. */
const NEAR_CORES = Math.max(1, availableParallelism() - 2)
const NODES: readonly NodeOptions[] = [
  { name: 'near', cores: NEAR_CORES, fabric: 'local' },
  { name: 'far', cores: 1, fabric: 'tcp' },
]
/** How long each process may take to stop in good order; after a failure there is little to wait for. */
const STOP_GRACE_MS = 3_000
const STOP_GRACE_AFTER_FAILURE_MS = 1_000
/**
 * How long to wait for news of a lost process. A client may notice that its peer is gone before we hear which process
 * died and how, which says more.
 */
const EXPLANATION_MS_MAX = 250

/**
 * Prices a portfolio alone and on leased workers of a cluster that it starts, and checks every price. One thing is
 * measured at a time. Leaves nothing running, whatever happens.
 *
 * @param signal stops it; its reason is thrown
 * @throws {RfaasError}
 */
export async function runJob(options: JobOptions, shown: Progress, signal: AbortSignal): Promise<JobResult> {
  const { input, seed } = options
  const progress = new Phases(shown)
  progress.step(input === null ? `Making ${whole(options.options)} options` : `Reading ${input}`)
  const portfolio = input === null ? makePortfolio(options.options, seed) : await readParsecFile(input)
  progress.step('Timing round trips without rfaas, and the price of an option')
  progress.bar(1)
  const bare = await measureBare(signal, (part) => progress.update(part))
  const msPerOption = costOfAnOption(portfolio)
  const workers = NODES.reduce((sum, { cores }) => sum + cores, 0)
  const work = { portfolio, msPerOption, chunks: chunksOf(portfolio.count, workers, msPerOption) }
  const { compared, leases } = await withCluster(progress, signal, (managerUrl, stop) =>
    priceOnLeases(managerUrl, NODES, work, progress, stop),
  )
  const { speeds, speedup, workersBeside, worthwhileOptions, checks } = compared
  return {
    portfolio: { source: portfolio.source, options: portfolio.count, seed: input === null ? seed : null },
    bare,
    leases,
    speeds,
    speedup,
    workersBeside,
    worthwhileOptions,
    checks,
    cost: leases.reduce((sum, lease) => sum + lease.cost, 0),
    phases: progress.phases(),
  }
}

/** Runs `use` with a cluster's manager. When one of the cluster's processes is lost, throws the reason at once. */
async function withCluster(
  progress: Progress,
  signal: AbortSignal,
  use: (managerUrl: string, stop: AbortSignal) => Promise<OnLeases>,
): Promise<OnLeases> {
  progress.step('Starting a resource manager and two nodes')
  const processes = await startClusterProcesses(NODES, signal)
  const stop = AbortSignal.any([signal, processes.lost])
  try {
    const result = await Promise.race([use(processes.manager.url, stop), aborted(stop)])
    progress.step('Stopping the nodes and the resource manager')
    await Promise.race([processes.stop(STOP_GRACE_MS), aborted(processes.lost)])
    return result
  } catch (error) {
    if (!stop.aborted) await Promise.race([once(stop, 'abort'), delay(EXPLANATION_MS_MAX)])
    // The reason for the failure counts, not that the processes did not stop in good order after it.
    await processes.stop(STOP_GRACE_AFTER_FAILURE_MS).catch(() => {})
    throw stop.aborted ? stop.reason : error
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}
