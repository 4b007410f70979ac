import { setImmediate } from 'node:timers/promises'

import { likelyFabrics, FabricError, hostIdentity, openFabric, prepareFabric, type Connection } from '@rfaas/fabric'

import { executorManagerClient, type ExecutorManagerClient, type ManagerClient } from '../control/client.ts'
import type { AllocateResponse, NodeInfo } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { slotLayout, type SlotLayout } from '../protocol/slots.ts'
import { bundle, type Bundle } from './bundle.ts'
import { Channel } from './channel.ts'
import { LeaseKeeper } from './keeper.ts'
import type { LeaseParts } from './lease.ts'
import { checkLeaseOptions, type CheckedLeaseOptions } from './lease-options.ts'
import type { FabricChoice, LeaseOptions, LeaseTimings } from './types.ts'

/** Runs the cold path, step by step: bundle, grant, upload, allocate, connect. Undoes what it did when a step fails. */
export async function openLease(manager: ManagerClient, tenant: string, options: LeaseOptions): Promise<LeaseParts> {
  const checked = checkLeaseOptions(options)
  const layout = slotLayout(checked.slots, checked.payloadBytesMax)
  const stopwatch = new Stopwatch()

  const code = await bundle(checked.functions)
  const bundleMs = stopwatch.lapMs()

  // Best first: over the first nothing is copied, over the second nothing but the network card copies.
  const fabrics = checked.fabric === undefined ? likelyFabrics() : [checked.fabric]
  const { cores, memoryMib, durationMs, nodeId } = checked
  const grant = await manager.rpc.requestLease({
    tenant,
    cores,
    memoryMib,
    durationMs,
    nodeId,
    fabrics,
    hostId: hostIdentity(),
  })
  const { lease, token, node: nodeInfo } = grant
  if (!lease || !nodeInfo) throw new RfaasError('internal', 'Cannot lease: the resource manager gave no lease')
  const grantMs = stopwatch.lapMs()

  const node = executorManagerClient(nodeInfo.controlUrl)
  const keeper = new LeaseKeeper({ manager, node, lease, token, durationMs })
  try {
    await upload(node, keeper, code)
    const uploadMs = stopwatch.lapMs()
    const fabric = chooseFabric(nodeInfo, fabrics)
    const allocating = allocate(node, await keeper.tokenToAllocate(), code, fabric, checked)
    // Once the request has left, we have nothing to do until the executor has started: a good time to load libfabric.
    allocating.catch(() => {})
    await setImmediate()
    await setImmediate()
    prepareFabric(fabric)
    const allocated = await allocating
    const allocateMs = stopwatch.lapMs()
    const whom = `The executor of lease ${lease.leaseId} on node ${lease.nodeId}`
    const channels = await openChannels(allocated, fabric, layout, whom)
    const connectMs = stopwatch.lapMs()
    keeper.start()
    const timings: LeaseTimings = {
      bundleMs,
      grantMs,
      uploadMs,
      allocateMs,
      loadMs: allocated.loadMs,
      connectMs,
      totalMs: stopwatch.totalMs(),
    }
    const functions = allocated.functions.map(({ name, raw }, index) => ({ name, raw, index }))
    return { keeper, channels, functions, fabric, timings, queueMax: checked.queueMax, spinMs: checked.spinUs / 1000 }
  } catch (error) {
    // The reason for the failure is what the caller needs, whatever the clean-up says.
    await keeper.release().catch(() => {})
    throw error
  }
}

class Stopwatch {
  readonly #startMs = performance.now()
  #lapMs = this.#startMs

  lapMs(): number {
    const beganMs = this.#lapMs
    this.#lapMs = performance.now()
    return this.#lapMs - beganMs
  }

  totalMs(): number {
    return performance.now() - this.#startMs
  }
}

function chooseFabric(node: NodeInfo, fabrics: FabricChoice[]): FabricChoice {
  const here = hostIdentity()
  const chosen = fabrics.find((name) =>
    node.fabrics.some((offer) => offer.fabric === name && (name !== 'local' || offer.hostId === here)),
  )
  if (chosen !== undefined) return chosen
  const offered = node.fabrics.map((offer) => offer.fabric).join(', ')
  const sentence = `Cannot reach node ${node.nodeId}: it offers ${offered}, this client can use ${fabrics.join(', ')}`
  throw new RfaasError('node_unreachable', sentence)
}

async function upload(node: ExecutorManagerClient, keeper: LeaseKeeper, { sha256, code }: Bundle): Promise<void> {
  const { present } = await node.rpc.hasBundle({ token: keeper.token, sha256 })
  if (!present) await node.rpc.putBundle({ token: keeper.token, sha256, code })
}

function allocate(
  node: ExecutorManagerClient,
  token: string,
  { sha256 }: Bundle,
  fabric: FabricChoice,
  { slots, payloadBytesMax, hotTimeoutMs }: CheckedLeaseOptions,
): Promise<AllocateResponse> {
  return node.rpc.allocate({ token, bundleSha256: sha256, fabric, slots, payloadBytesMax, hotTimeoutMs })
}

async function openChannels(
  allocated: AllocateResponse,
  fabric: FabricChoice,
  layout: SlotLayout,
  whom: string,
): Promise<Channel[]> {
  const transport = openFabric(fabric)
  const geometry = { outboundBytes: layout.windowBytes, inboundBytes: layout.windowBytes, depth: layout.depth }
  const opened = await Promise.allSettled(
    allocated.workers.map(({ address, secret }) => transport.connect(address, { ...geometry, secret })),
  )
  const connections: Connection[] = []
  let failed: unknown
  for (const outcome of opened) {
    if (outcome.status === 'fulfilled') connections.push(outcome.value)
    else failed ??= outcome.reason
  }
  if (failed !== undefined) {
    for (const connection of connections) connection.close()
    const reason = failed instanceof FabricError ? failed.message : String(failed)
    throw new RfaasError('node_unreachable', `Cannot open a channel to a worker: ${reason}`, { cause: failed })
  }
  return connections.map((connection) => new Channel(connection, layout, whom))
}
