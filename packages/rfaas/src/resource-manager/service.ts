import type { ConnectRouter } from '@connectrpc/connect'
import { ResourceManagerService } from '../control/gen/rfaas_pb.ts'
import type { Context } from './context.ts'
import { grant, listLeases, release, renew } from './leases.ts'
import { deregisterNode, heartbeat, lastHeartbeat, listNodes, registerNode } from './nodes.ts'
import { leaseToProto, nodeToProto } from './proto.ts'
import { checkLeaseRequest, checkNode, checkNodeId, checkRenewal, checkReports } from './requests.ts'

/** ResourceManagerService: from messages to checked values, and back. */
export function resourceManagerRoutes(context: Context): (router: ConnectRouter) => void {
  const { prices, keys, heartbeatIntervalMs } = context
  return (router) =>
    router.service(ResourceManagerService, {
      async registerNode(request) {
        const node = checkNode(request.node)
        await registerNode(context, node, checkReports(node.nodeId, request.leases))
        return { publicKeyJwk: keys.publicKeyJwk, heartbeatIntervalMs }
      },

      async heartbeat(request) {
        const nodeId = checkNodeId('Cannot take a heartbeat', request.nodeId)
        const toStop = await heartbeat(context, nodeId, checkReports(nodeId, request.leases))
        return { known: toStop !== null, closedLeaseIds: toStop ?? [] }
      },

      async deregisterNode({ nodeId }) {
        await deregisterNode(context, checkNodeId('Cannot deregister node', nodeId))
        return {}
      },

      async listNodes() {
        const nodes = await listNodes(context)
        return { nodes: nodes.map(({ node, heartbeatUnixMs }) => nodeToProto(node, heartbeatUnixMs)) }
      },

      async requestLease(request) {
        const { lease, node, token } = await grant(context, checkLeaseRequest(request))
        const heartbeatUnixMs = await lastHeartbeat(context, node.nodeId)
        return { lease: leaseToProto(lease, prices), token, node: nodeToProto(node, heartbeatUnixMs) }
      },

      async renewLease({ leaseId, token, durationMs }) {
        checkRenewal(leaseId, durationMs)
        const renewed = await renew(context, { leaseId, token, durationMs })
        return { lease: leaseToProto(renewed.lease, prices), token: renewed.token }
      },

      async releaseLease({ leaseId, token }) {
        return { lease: leaseToProto(await release(context, { leaseId, token }), prices) }
      },

      async listLeases({ includeClosed }) {
        const leases = await listLeases(context, includeClosed)
        return { leases: leases.map((lease) => leaseToProto(lease, prices)) }
      },
    })
}
