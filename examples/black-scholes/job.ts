import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { priceAlone, type Priced } from './alone.ts'
import { assertPassed, checkPrices } from './checks.ts'
import { startClusterProcesses, type NodeOptions } from './cluster-processes.ts'
import { priceOnLeases, type OnLeases } from './on-leases.ts'
import { readParsecFile } from './parsec-file.ts'
import { makePortfolio } from './portfolio.ts'
import type { Progress } from './progress.ts'
import type { JobResult, Speed } from './result.ts'

export interface JobOptions {
  /** A file in PARSEC's format; null for a portfolio of our own. */
  input: string | null
  /** Size and seed of our own portfolio. */
  options: number
  seed: number
}

const NODES: readonly NodeOptions[] = [
  { name: 'near', cores: 1, fabric: 'local' },
  { name: 'far', cores: 1, fabric: 'tcp' },
]
/**
 * A small portfolio is priced in several passes, of this many options in all: a thousand options take 60 µs, too short
 * to time.
 */
const OPTIONS_PRICED_MIN = 1_000_000
const PASSES_MAX = 1_000
/** How long each process may take to stop in good order; after a failure there is little to wait for. */
const STOP_GRACE_MS = 3_000
const STOP_GRACE_AFTER_FAILURE_MS = 1_000
/**
 * How long to wait for news of a lost process. A client may notice that its peer is gone before we hear which process
 * died and how, which says more.
 */
const EXPLANATION_MS_MAX = 250

/**
 * Prices a portfolio alone and on leased workers of a cluster that it starts, and checks every price. Leaves nothing
 * running, whatever happens.
 *
 * @param signal stops it; its reason is thrown
 * @throws {RfaasError}
 */
export async function runJob(options: JobOptions, progress: Progress, signal: AbortSignal): Promise<JobResult> {
  const { input, seed } = options
  const portfolio = input === null ? makePortfolio(options.options, seed) : await readParsecFile(input)
  const { source, count } = portfolio
  const passes = Math.min(PASSES_MAX, Math.ceil(OPTIONS_PRICED_MIN / count))

  progress.step(`Pricing ${count.toLocaleString('en')} options alone (${source})`)
  progress.bar(count * passes)
  const alone = await priceAlone(portfolio, passes, signal, (priced) => progress.update(priced))
  const { offloaded, leases } = await withCluster(progress, signal, (managerUrl, stop) =>
    priceOnLeases(managerUrl, NODES, portfolio, passes, progress, stop),
  )
  const checks = checkPrices(portfolio, offloaded.prices, alone.prices)
  assertPassed(checks, portfolio, offloaded.prices)
  return {
    portfolio: { source, options: count, passes, seed: input === null ? seed : null },
    leases,
    alone: speedOf(alone, passes),
    offloaded: speedOf(offloaded, passes),
    checks,
    cost: leases.reduce((sum, lease) => sum + lease.cost, 0),
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

function speedOf({ prices, elapsedMs }: Priced, passes: number): Speed {
  return { elapsedMs, optionsPerS: (prices.length * passes * 1000) / elapsedMs }
}
