import { isAbsolute } from 'node:path'

import type { ConnectRouter } from '@connectrpc/connect'
import { usageToProto } from '../accounting/usage.ts'
import { ExecutorManagerService } from '../control/gen/rfaas_pb.ts'
import type { AllocateRequest, FabricOffer } from '../control/gen/rfaas_pb.ts'
import { SEEN_FILES_MAX } from '../control/limits.ts'
import { RfaasError } from '../errors.ts'
import { seesAll, type SeenFile } from '../file-identity.ts'
import { RETRIEVAL_GRACE_MS_MAX } from '../lease/limits.ts'
import type { BundleCache } from './bundle-cache.ts'
import type { NodeLeases } from './node-leases.ts'
import type { TokenGate } from './token-gate.ts'
import { allocationRequest, newsToProto, outputToProto, startedToProto } from './wire.ts'

export interface ServiceOptions {
  gate: TokenGate
  leases: NodeLeases
  bundles: Pick<BundleCache, 'has' | 'put' | 'begin' | 'append'>
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

/** @throws {RfaasError} `invalid_argument` */
function checkedSeenFiles(files: readonly SeenFile[]): readonly SeenFile[] {
  const problem =
    files.length > SEEN_FILES_MAX
      ? `${files.length} files, ${SEEN_FILES_MAX} are allowed`
      : files.find(({ path }) => !isAbsolute(path) || path.includes('\0'))?.path
  if (problem === undefined) return files
  throw new RfaasError('invalid_argument', `Cannot look for the files of a bundle: ${problem}`)
}

/** @throws {RfaasError} `not_found` when the bundle loads files that are not on this node */
function checkSees({ seenFiles, bundleSha256 }: AllocateRequest): void {
  if (seesAll(checkedSeenFiles(seenFiles))) return
  const reason = 'it does not see the files of the client that the bundle loads'
  throw new RfaasError('not_found', `No bundle ${bundleSha256} for this node: ${reason}; send it packed`)
}

/**
 * The calls that clients may make on a node. Each carries the token of its lease; nothing is done before it is checked.
 */
export function executorManagerRoutes({ gate, leases, bundles, offers, report }: ServiceOptions) {
  const isKnown = (leaseId: string): boolean => leases.has(leaseId)
  return (router: ConnectRouter): ConnectRouter =>
    router.service(ExecutorManagerService, {
      async hasBundle({ token, sha256, seenFiles }) {
        leases.admit(await gate.check(token))
        return { present: await bundles.has(sha256), seesFiles: seesAll(checkedSeenFiles(seenFiles)) }
      },
      async putBundle({ token, sha256, code, manifest, offset }) {
        const claims = await gate.check(token)
        leases.admit(claims)
        if (manifest.byteLength > 0) return { complete: await bundles.begin(claims.leaseId, sha256, manifest) }
        if (offset !== undefined) return { complete: await bundles.append(claims.leaseId, sha256, offset, code) }
        await bundles.put(sha256, code)
        return { complete: true }
      },
      async allocate(request) {
        const claims = await gate.check(request.token)
        leases.admit(claims)
        checkSees(request)
        return startedToProto(await leases.allocate(claims, allocationRequest(request, claims, offers)))
      },
      async startUpdate(request) {
        const claims = await gate.check(request.token)
        leases.admit(claims)
        checkSees(request)
        return startedToProto(await leases.startUpdate(claims, allocationRequest(request, claims, offers)))
      },
      async useExecutor({ token, executorId }) {
        leases.useExecutor(await gate.check(token), executorId)
        return {}
      },
      async endExecutor({ token, executorId }) {
        await leases.endExecutor(await gate.check(token, isKnown), executorId)
        return {}
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
      async restartWorker({ token, executorId, worker, restarts, sent }) {
        return { ending: leases.endWorker(await gate.check(token, isKnown), executorId, { worker, restarts, sent }) }
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
