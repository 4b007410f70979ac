import { setTimeout as delay } from 'node:timers/promises'
import { RfaasError, connect, type Cluster, type Lease, type Slot } from 'rfaas'
import { IN_FLIGHT_PER_WORKER } from './chunks.ts'
import type { NodeOptions } from './cluster-processes.ts'
import { comparePricing, type Compared, type Work } from './compare.ts'
import type * as Functions from './pricing.ts'
import type { Progress } from './progress.ts'
import type { LeaseResult } from './result.ts'
import { measureRoundTrips, TRIP_BYTES, type Trip } from './round-trips.ts'
import { ROW_BYTES, readRow } from './rows.ts'

type Measured = Omit<LeaseResult, 'options' | 'usage' | 'cost'>

export interface OnLeases {
  compared: Compared
  leases: LeaseResult[]
}

/**
 * What a program of yours would do: connects to a resource manager, leases workers on each of `nodes`, uses them, and
 * gives them back.
 *
 * @param signal ends it soon; its reason is thrown
 * @throws {RfaasError}
 */
export async function priceOnLeases(
  managerUrl: string,
  nodes: readonly NodeOptions[],
  work: Work,
  progress: Progress,
  signal: AbortSignal,
): Promise<OnLeases> {
  await using cluster = await connect(managerUrl)
  progress.step('Waiting until the nodes have an executor ready')
  await poolsFilled(cluster, signal)
  await using open = new AsyncDisposableStack()
  const leases: Lease<typeof Functions>[] = []
  // Otherwise a lease that ends while another one is in use would be noticed only when its turn comes.
  const lost = new AbortController()
  const stop = AbortSignal.any([signal, lost.signal])
  const measured: Measured[] = []
  for (const node of nodes) {
    progress.step(`Leasing ${node.cores === 1 ? 'a core' : `${node.cores} cores`} of node ${node.name}`)
    const { lease, firstResultMs } = await leaseAndCall(cluster, node, work)
    open.use(lease)
    leases.push(lease)
    void lease.closed.then((error) => error && lost.abort(error))
    progress.step(`Timing round trips of a no-op over ${lease.fabric}`)
    progress.bar(1)
    using slot = lease.reserve(TRIP_BYTES)
    const roundTrips = await measureRoundTrips(noop(lease, slot), stop, (part) => progress.update(part))
    const { id: leaseId, nodeId, fabric, cores: workers, timings } = lease
    measured.push({ leaseId, nodeId, fabric, workers, firstResultMs, timings, roundTrips })
  }

  progress.step('Pricing in this thread, on the leased workers, and on both')
  progress.bar(1)
  const compared = await comparePricing(work, leases, stop, (part) => progress.update(part))

  progress.step('Releasing the leases')
  const bills = await Promise.all(leases.map((lease) => lease.release()))
  return {
    compared,
    leases: measured.map((one, index) => ({ ...one, options: compared.byLease[index]!, ...bills[index]! })),
  }
}

/** One option by value is text, with the names of its fields. */
const OPTION_BYTES_MAX = 4_096

/** Leases a node's workers and waits for the price of one option, passed by value. */
async function leaseAndCall(
  cluster: Cluster,
  node: NodeOptions,
  { portfolio, chunks }: Work,
): Promise<{ lease: Lease<typeof Functions>; firstResultMs: number }> {
  const startMs = performance.now()
  const lease = await cluster.lease<typeof Functions>({
    functions: new URL('./pricing.ts', import.meta.url),
    nodeId: node.name,
    fabric: node.fabric,
    cores: node.cores,
    slots: IN_FLIGHT_PER_WORKER,
    payloadBytesMax: Math.max(OPTION_BYTES_MAX, chunks.options * ROW_BYTES),
  })
  try {
    await lease.call.price(readRow(portfolio.rows, 0))
    return { lease, firstResultMs: performance.now() - startMs }
  } catch (error) {
    await lease.release().catch(() => {})
    throw error
  }
}

/** Where the machine has no idle core the nodes start nothing ahead of time, and a lease starts its executor itself. */
const POOLS_MS_MAX = 5_000
const POOLS_LOOK_MS = 20

/** What a node starts ahead of time would share the processors with what is measured. */
async function poolsFilled(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const startMs = performance.now()
  while (performance.now() - startMs < POOLS_MS_MAX) {
    const pools = (await cluster.nodes()).map(({ pool }) => pool)
    if (pools.every((pool) => pool === undefined || pool.ready === pool.size)) return
    await delay(POOLS_LOOK_MS, undefined, { signal })
  }
}

/** What an invocation costs by itself: 64 bytes to a hot worker and back. */
function noop(lease: Lease<typeof Functions>, slot: Slot): Trip {
  return (round) => {
    slot.input[0] = round
    const result = lease.invokeSync('noop', slot, TRIP_BYTES)
    if (result.byteLength !== TRIP_BYTES || result[0] !== slot.input[0]) {
      throw new RfaasError('internal', `Cannot measure round trips: round ${round} did not bring back what it took`)
    }
  }
}
