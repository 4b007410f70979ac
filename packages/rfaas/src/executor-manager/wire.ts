import { create } from '@bufbuild/protobuf'
import { usageToProto } from '../accounting/usage.ts'
import {
  AllocateResponseSchema,
  LeaseEnd as ProtoLeaseEnd,
  LeaseReportSchema,
  LeaseState,
  WatchLeaseResponseSchema,
  WorkerNewsSchema,
  WatchOutputResponseSchema,
} from '../control/gen/rfaas_pb.ts'
import type {
  AllocateRequest,
  AllocateResponse,
  FabricOffer,
  LeaseReport as ProtoLeaseReport,
  WatchLeaseResponse,
  WorkerNews as ProtoWorkerNews,
  WatchOutputResponse,
} from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { environmentProblem } from '../lease/environment.ts'
import type { LeaseEnd } from '../lease/lease.ts'
import { largestPayload, slotLayout, windowsMib, windowsSentence } from '../protocol/slots.ts'
import type { LeaseClaims } from '../lease/token.ts'
import type { AllocationRequest, StartedExecutor } from './allocation.ts'
import type { OutputBatch } from './output-queue.ts'
import type { LeaseNews, LeaseReport } from './node-leases.ts'
import type { WorkerNews } from './worker-news.ts'

const ENDS: Record<LeaseEnd, ProtoLeaseEnd> = {
  released: ProtoLeaseEnd.RELEASED,
  expired: ProtoLeaseEnd.EXPIRED,
  retrieved: ProtoLeaseEnd.RETRIEVED,
  node_lost: ProtoLeaseEnd.NODE_LOST,
  executor_crashed: ProtoLeaseEnd.EXECUTOR_CRASHED,
  denied: ProtoLeaseEnd.DENIED,
}

/**
 * Checks what a client asks for against its lease and the node's offers.
 *
 * @throws {RfaasError} `invalid_argument`; `unsupported` for a fabric that is not offered
 */
export function allocationRequest(
  request: AllocateRequest,
  claims: LeaseClaims,
  offers: readonly Pick<FabricOffer, 'fabric' | 'address'>[],
): AllocationRequest {
  const { fabric, slots, payloadBytesMax, hotTimeoutMs, keepWarmMs, bundleSha256, address, env, output } = request
  const offer = offers.find((each) => each.fabric === fabric && (address === '' || each.address === address))
  if (offer === undefined || !isWorkerFabric(fabric)) {
    const offered = offers.map((each) => [each.fabric, each.address].join(' ').trimEnd()).join(', ')
    throw new RfaasError(
      'unsupported',
      `Cannot start executor: fabric ${JSON.stringify(fabric)}${address && ` at ${address}`} asked, this node offers ${offered}`,
    )
  }
  if (!Number.isFinite(hotTimeoutMs) || (hotTimeoutMs < 0 && hotTimeoutMs !== -1)) {
    const reason = `hotTimeoutMs must be milliseconds, 0 or -1, not ${hotTimeoutMs}`
    throw new RfaasError('invalid_argument', `Cannot start executor: ${reason}`)
  }
  if (!Number.isFinite(keepWarmMs) || keepWarmMs < 0) {
    const reason = `keepWarmMs must be milliseconds or 0, not ${keepWarmMs}`
    throw new RfaasError('invalid_argument', `Cannot start executor: ${reason}`)
  }
  const problem = environmentProblem(env)
  if (problem !== null) throw new RfaasError('invalid_argument', `Cannot start executor: ${problem}`)
  const layout = slotLayout(slots, payloadBytesMax)
  const neededMib = windowsMib(layout, claims.cores)
  if (neededMib > claims.memoryMib) {
    const reason = `${windowsSentence(layout, claims.cores)} are ${neededMib} MiB, the lease has ${claims.memoryMib}`
    throw new RfaasError('invalid_argument', `Cannot start executor: ${reason}`)
  }
  // Over verbs a network card writes into the windows: all of their memory is taken when the connection opens.
  const grows = request.payloadsGrow && fabric !== 'verbs'
  const payloadBytesLargest = grows ? largestPayload(layout, claims.cores, claims.memoryMib) : payloadBytesMax
  return {
    ...{ bundleSha256, fabric, listenAddress: offer.address, slots, payloadBytesMax, payloadBytesLargest },
    ...{ hotTimeoutMs, keepWarmMs, env, output },
  }
}

function isWorkerFabric(fabric: string): fabric is AllocationRequest['fabric'] {
  return fabric === 'local' || fabric === 'tcp' || fabric === 'verbs' || fabric === 'threads'
}

export function startedToProto(started: StartedExecutor): AllocateResponse {
  const { executorId, addresses, secrets, functions, startMs, loadMs, start, payloadBytesLargest } = started
  const workers = addresses.map((address, worker) => ({ address, secret: secrets[worker]! as Uint8Array<ArrayBuffer> }))
  const how = { pooled: start === 'pooled', kept: start === 'kept' }
  return create(AllocateResponseSchema, {
    executorId,
    workers,
    functions,
    startMs,
    loadMs,
    payloadBytesLargest,
    ...how,
  })
}

export function reportToProto({ leaseId, usage, end }: LeaseReport): ProtoLeaseReport {
  return create(LeaseReportSchema, {
    leaseId,
    usage: usageToProto(usage),
    end: end === null ? ProtoLeaseEnd.UNSPECIFIED : ENDS[end.reason],
  })
}

export function newsToProto(news: LeaseNews): WatchLeaseResponse {
  switch (news.state) {
    case 'active':
      return create(WatchLeaseResponseSchema, { state: LeaseState.ACTIVE })
    case 'worker':
      return create(WatchLeaseResponseSchema, { state: LeaseState.ACTIVE, worker: workerToProto(news.news) })
    case 'terminating':
      return create(WatchLeaseResponseSchema, {
        state: LeaseState.TERMINATING,
        end: ProtoLeaseEnd.RETRIEVED,
        ...news.retrieval,
      })
    case 'closed':
      return create(WatchLeaseResponseSchema, {
        state: LeaseState.CLOSED,
        end: ENDS[news.end.reason],
        message: news.end.message,
      })
  }
}

function workerToProto(news: WorkerNews): ProtoWorkerNews {
  const { executorId, worker, restarts } = news
  if (news.kind === 'ended') {
    const { code, reason, stack, begun } = news
    return create(WorkerNewsSchema, { executorId, worker, restarts, code, reason, stack, begun })
  }
  const { address, secret } = news
  return create(WorkerNewsSchema, {
    executorId,
    worker,
    restarts,
    address: { address, secret: secret as Uint8Array<ArrayBuffer> },
  })
}

export function outputToProto({ lines, dropped }: OutputBatch): WatchOutputResponse {
  return create(WatchOutputResponseSchema, {
    lines: lines.map(({ worker, ...line }) => ({ ...line, ...(worker === null ? {} : { worker }) })),
    dropped,
  })
}
