import { local } from 'rfaas'
import type { FabricChoice, Lease, LeaseOptions } from 'rfaas'

/** A lease for one trial, with the cluster that it came from: both end with the block. */
export interface TrialLease<M> extends AsyncDisposable {
  lease: Lease<M>
}

/**
 * Leases workers from a node of this trial. They never stop polling unless `hotTimeoutMs` says otherwise.
 *
 * @throws Error when the lease comes over another fabric than asked for
 */
export async function leaseWorkers<M>(
  options: Omit<LeaseOptions, 'fabric'> & { fabric: string },
): Promise<TrialLease<M>> {
  await using stack = new AsyncDisposableStack()
  const cluster = stack.use(await local({ cores: options.cores ?? 1, pool: 0 }))
  const fabric = options.fabric as FabricChoice
  const lease = stack.use(await cluster.lease<M>({ hotTimeoutMs: 'always', ...options, fabric }))
  if (lease.fabric !== fabric) throw new Error(`The lease came over ${lease.fabric}, not ${fabric}`)
  const kept = stack.move()
  return { lease, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
