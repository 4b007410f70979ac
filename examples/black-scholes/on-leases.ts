import { connect, type Cluster, type Lease } from 'rfaas'
import type { NodeOptions } from './cluster-processes.ts'
import { measureRoundTrips } from './measure.ts'
import { CHUNK_BYTES_MAX, IN_FLIGHT_PER_WORKER, priceOffloaded, type Offloaded } from './offload.ts'
import type * as Functions from './pricing.ts'
import type { Progress } from './progress.ts'
import type { LeaseResult } from './result.ts'
import { readRow, type Portfolio } from './rows.ts'

type Measured = Omit<LeaseResult, 'options' | 'usage' | 'cost'>

export interface OnLeases {
  offloaded: Offloaded
  leases: LeaseResult[]
}

/**
 * What a program of yours would do: connects to a resource manager, leases workers on each of `nodes`, uses them, and
 * gives them back.
 *
 * @param passes how often the portfolio is priced
 * @param signal ends it soon; its reason is thrown
 * @throws {RfaasError}
 */
export async function priceOnLeases(
  managerUrl: string,
  nodes: readonly NodeOptions[],
  portfolio: Portfolio,
  passes: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<OnLeases> {
  await using cluster = await connect(managerUrl)
  await using open = new AsyncDisposableStack()
  const leases: Lease<typeof Functions>[] = []
  // Otherwise a lease that ends while another one is in use would be noticed only when its turn comes.
  const lost = new AbortController()
  const stop = AbortSignal.any([signal, lost.signal])
  const measured: Measured[] = []
  for (const node of nodes) {
    progress.step(`Leasing ${node.cores === 1 ? 'a core' : `${node.cores} cores`} of node ${node.name}`)
    const { lease, firstResultMs } = await leaseAndCall(cluster, node, portfolio)
    open.use(lease)
    leases.push(lease)
    void lease.closed.then((error) => error && lost.abort(error))
    progress.step(`Timing round trips of a no-op over ${lease.fabric}`)
    progress.bar(1)
    const roundTrips = await measureRoundTrips(lease, stop, (part) => progress.update(part))
    const { id: leaseId, nodeId, fabric, cores: workers, timings } = lease
    measured.push({ leaseId, nodeId, fabric, workers, firstResultMs, timings, roundTrips })
  }

  progress.step('Pricing the same options on the leased workers')
  progress.bar(portfolio.count * passes)
  const offloaded = await priceOffloaded(portfolio, leases, passes, stop, (priced) => progress.update(priced))

  progress.step('Releasing the leases')
  const bills = await Promise.all(leases.map((lease) => lease.release()))
  return {
    offloaded,
    leases: measured.map((one, index) => ({ ...one, options: offloaded.optionsByLease[index]!, ...bills[index]! })),
  }
}

/** Leases a node's workers and waits for the price of one option, passed by value. */
async function leaseAndCall(
  cluster: Cluster,
  node: NodeOptions,
  portfolio: Portfolio,
): Promise<{ lease: Lease<typeof Functions>; firstResultMs: number }> {
  const startMs = performance.now()
  const lease = await cluster.lease<typeof Functions>({
    functions: new URL('./pricing.ts', import.meta.url),
    nodeId: node.name,
    fabric: node.fabric,
    cores: node.cores,
    slots: IN_FLIGHT_PER_WORKER,
    payloadBytesMax: CHUNK_BYTES_MAX,
  })
  try {
    await lease.call.price(readRow(portfolio.rows, 0))
    return { lease, firstResultMs: performance.now() - startMs }
  } catch (error) {
    await lease.release().catch(() => {})
    throw error
  }
}
