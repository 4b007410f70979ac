import type { ConnectRouter } from '@connectrpc/connect'
import { usageToProto } from '../accounting/usage.ts'
import { ExecutorManagerService } from '../control/gen/rfaas_pb.ts'
import type { FabricOffer } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { RETRIEVAL_GRACE_MS_MAX } from '../lease/limits.ts'
import type { BundleCache } from './bundle-cache.ts'
import type { NodeLeases } from './node-leases.ts'
import type { TokenGate } from './token-gate.ts'
import { allocationRequest, newsToProto, outputToProto, startedToProto } from './wire.ts'

export interface ServiceOptions {
  gate: TokenGate
  leases: NodeLeases
  bundles: Pick<BundleCache, 'has' | 'put'>
  offers: readonly Pick<FabricOffer, 'fabric' | 'address'>[]
  /** Reports changes to the resource manager; resolves when it knows them or cannot be reached now. */
  report: () => Promise<unknown>
}

/** @throws {RfaasError} `invalid_argument` */
function checkedGraceMs(graceMs: number | undefined): number | undefined {
  if (graceMs === undefined || (graceMs >= 0 && graceMs <= RETRIEVAL_GRACE_MS_MAX)) return graceMs
  const range = `from 0 to ${RETRIEVAL_GRACE_MS_MAX}`
  throw new RfaasError('invalid_argument', `Cannot release the lease: graceMs must be ${range}, not ${graceMs}`)
}

/**
 * The calls that clients may make on a node. Each carries the token of its lease; nothing is done before it is checked.
 */
export function executorManagerRoutes({ gate, leases, bundles, offers, report }: ServiceOptions) {
  const isKnown = (leaseId: string): boolean => leases.has(leaseId)
  return (router: ConnectRouter): ConnectRouter =>
    router.service(ExecutorManagerService, {
      async hasBundle({ token, sha256 }) {
        leases.admit(await gate.check(token))
        return { present: await bundles.has(sha256) }
      },
      async putBundle({ token, sha256, code }) {
        leases.admit(await gate.check(token))
        await bundles.put(sha256, code)
        return {}
      },
      async allocate(request) {
        const claims = await gate.check(request.token)
        leases.admit(claims)
        return startedToProto(await leases.allocate(claims, allocationRequest(request, claims, offers)))
      },
      async extend({ token }) {
        leases.extend(await gate.check(token))
        return {}
      },
      async deallocate({ token, graceMs }) {
        const usage = await leases.release(await gate.check(token, isKnown), checkedGraceMs(graceMs))
        await report()
        return { usage: usageToProto(usage) }
      },
      async *watchLease({ token }, { signal }) {
        const claims = await gate.check(token, isKnown)
        for await (const news of leases.watch(claims, signal)) yield newsToProto(news)
      },
      async *watchOutput({ token }, { signal }) {
        const claims = await gate.check(token, isKnown)
        for await (const batch of leases.watchOutput(claims, signal)) yield outputToProto(batch)
      },
    })
}
