import type { ConnectRouter } from '@connectrpc/connect'
import { ResourceManagerService } from '../control/gen/rfaas_pb.ts'
import type { Context } from './context.ts'
import { RfaasError } from '../errors.ts'
import { functionsHandlers } from './functions/service.ts'
import type { LeaseQueue } from './lease-queue.ts'
import { giveBackAll, grant, isGranted, listLeases, release, renew } from './leases.ts'
import type { Granted } from './leases.ts'
import { beginRun, deregisterNode, heartbeat, lastHeartbeat, listNodes, registerNode } from './nodes.ts'
import type { Nudges } from './nudges.ts'
import { leaseToProto, nodeToProto, retrievalToProto } from './proto.ts'
import {
  checkLeaseRequest,
  checkNode,
  checkNodeId,
  checkNotice,
  checkPool,
  checkRenewal,
  checkReports,
  checkWait,
  quote,
} from './requests.ts'
import { NODES } from './records.ts'
import type { LeaseDemand } from './requests.ts'
import { drain, retrieve, undrain } from './retrieval.ts'

/** The handlers of ResourceManagerService: convert messages to checked values, and results back to messages. */
export function resourceManagerRoutes(
  context: Context,
  nudges: Nudges,
  queue: LeaseQueue<Granted[]>,
): (router: ConnectRouter) => void {
  const { prices, keys, heartbeatIntervalMs, clock } = context
  const grantNow = async (demand: LeaseDemand): Promise<Granted[]> => {
    const ahead = queue.ahead(demand.priority)
    if (ahead === 0 || (await isGranted(context, demand))) return grant(context, demand)
    throw new RfaasError(
      'lease_denied',
      `Cannot grant lease: requests of the same or a higher priority wait: ${ahead}; set waitMs to wait, too`,
    )
  }
  /** Gives the leases back when the caller has gone: it will not hear of them. */
  const deliver = async (granted: readonly Granted[], signal: AbortSignal) => {
    const answer = await grantedToProto(granted)
    if (!signal.aborted) return answer
    await giveBackAll(context, granted)
    throw new RfaasError('aborted', 'Nobody waits for the lease any more')
  }
  const grantedToProto = async (granted: readonly Granted[]) => {
    const grants = granted.map(async ({ lease, node, token }) => ({
      lease: leaseToProto(lease, prices),
      token,
      node: nodeToProto(node, await lastHeartbeat(context, node.nodeId)),
    }))
    return { grants: await Promise.all(grants), nowUnixMs: clock.nowUnixMs() }
  }
  return (router) =>
    router.service(ResourceManagerService, {
      ...functionsHandlers(context),

      async beginRun() {
        return { run: await beginRun(context) }
      },

      async registerNode(request) {
        const node = checkNode(request.node, request.run)
        const reports = checkReports(node.nodeId, request.leases)
        const former = await registerNode(context, node, reports, checkPool(request.node?.pool), request.replaces)
        if (former !== null) {
          const { controlUrl, run, heartbeatUnixMs: lastHeartbeatUnixMs } = former
          return { former: { controlUrl, run, lastHeartbeatUnixMs }, nowUnixMs: clock.nowUnixMs() }
        }
        return { publicKeyJwk: keys.publicKeyJwk, heartbeatIntervalMs, nowUnixMs: clock.nowUnixMs() }
      },

      async heartbeat(request) {
        const nodeId = checkNodeId('Cannot take a heartbeat', request.nodeId)
        const { run } = request
        const reports = checkReports(nodeId, request.leases)
        const orders = await heartbeat(context, { nodeId, run }, reports, checkPool(request.pool))
        if (orders === null) return { known: false }
        const nowUnixMs = clock.nowUnixMs()
        const retrievals = orders.retrievals.map((lease) => retrievalToProto(lease, nowUnixMs))
        return { known: true, closedLeaseIds: orders.toStop, retrievals, nowUnixMs }
      },

      async deregisterNode({ nodeId, run }) {
        await deregisterNode(context, { nodeId: checkNodeId('Cannot deregister node', nodeId), run })
        return {}
      },

      async listNodes({ limit }) {
        const nodes = await listNodes(context, limit === 0 ? Infinity : limit)
        return { nodes: nodes.map(({ node, heartbeatUnixMs, pool }) => nodeToProto(node, heartbeatUnixMs, pool)) }
      },

      async requestLease(request, { signal }) {
        return deliver(await grantNow(checkLeaseRequest(request)), signal)
      },

      async awaitLease({ request, waitMs }, { signal }) {
        const demand = checkLeaseRequest(request)
        checkWait(waitMs)
        try {
          return await deliver(await grantNow(demand), signal)
        } catch (error) {
          if (!(error instanceof RfaasError) || error.code !== 'lease_denied' || waitMs === 0) throw error
          return deliver(await queue.wait(demand, waitMs, error, signal), signal)
        }
      },

      async renewLease({ leaseId, token, durationMs }) {
        checkRenewal(leaseId, durationMs)
        const renewed = await renew(context, { leaseId, token, durationMs })
        return { lease: leaseToProto(renewed.lease, prices), token: renewed.token, nowUnixMs: clock.nowUnixMs() }
      },

      async releaseLease({ leaseId, token }) {
        return { lease: leaseToProto(await release(context, { leaseId, token }), prices) }
      },

      async listLeases({ includeClosed }) {
        const leases = await listLeases(context, includeClosed)
        return { leases: leases.map((lease) => leaseToProto(lease, prices)) }
      },

      async retrieveLease({ leaseId, graceMs, reason }) {
        const notice = checkNotice(`Cannot retrieve lease ${quote(leaseId)}`, graceMs, reason)
        return { lease: leaseToProto(await retrieve(context, leaseId, notice), prices) }
      },

      async drainNode({ nodeId, graceMs, reason, undo }) {
        const action = `Cannot drain node ${quote(nodeId)}`
        checkNodeId(action, nodeId)
        const notice = checkNotice(action, graceMs, reason)
        if (undo) {
          await undrain(context, nodeId)
          return {}
        }
        const leases = await drain(context, nodeId, notice)
        return { leases: leases.map((lease) => leaseToProto(lease, prices)) }
      },

      async *watchNode({ nodeId }, { signal }) {
        const known = context.store.knownNode(checkNodeId('Cannot watch node', nodeId)) !== null
        // A stream costs memory for as long as its peer likes.
        if (!known && (await context.store.get(NODES + nodeId)) === null) {
          throw new RfaasError('not_found', `Cannot watch node ${nodeId}: it has not registered here`)
        }
        for await (const _ of nudges.watch(nodeId, signal)) yield {}
      },
    })
}
