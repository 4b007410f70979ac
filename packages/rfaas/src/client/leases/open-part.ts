import { setImmediate } from 'node:timers/promises'

import type { MessageInitShape } from '@bufbuild/protobuf'
import { openFabric, prepareFabric, reasonAgainstVerbs, type Connection } from '@rfaas/fabric'

import type { ExecutorManagerClient, ManagerClient } from '../../control/client.ts'
import type { AllocateRequestSchema, AllocateResponse, NodeInfo, WorkerAddress } from '../../control/gen/rfaas_pb.ts'
import { RfaasError } from '../../errors.ts'
import { geometryOf, slotLayout, type SlotLayout } from '../../protocol/slots.ts'
import { reasonOf } from '../../thrown.ts'
import { Channel } from '../calls/channel.ts'
import { clientEvents, type ClientEvent } from '../events.ts'
import type { FabricChoice, LeaseTimings } from '../types.ts'
import { checkAllocated } from './check-answers.ts'
import { chooseOffer, type ChosenOffer, type Standpoint } from './choose-offer.ts'
import { prepareKeeper } from './keep-aside.ts'
import type { CheckedLeaseOptions } from './lease-options.ts'
import type { LeasedPart, OpenedPart } from './leased-part.ts'
import type { ObtainedLease } from './obtain-leases.ts'
import type { LeasedCode } from './send-bundle.ts'
import type { SharedClients } from './shared-clients.ts'

/** What all parts of one lease have in common. */
export interface Plan {
  readonly context: LeaseContext
  readonly checked: CheckedLeaseOptions
  readonly layout: SlotLayout
  /** The fabrics that may be used, best first. */
  readonly fabrics: FabricChoice[]
}

/** What the leases of one cluster share. */
export interface LeaseContext {
  readonly manager: ManagerClient
  readonly managerUrl: string
  readonly nodes: SharedClients<ExecutorManagerClient>
  readonly tenant: string
  /** Ids of nodes that are known not to see this client's files. */
  readonly distantNodes: Set<string>
}

/** What came before the allocation, in milliseconds, and when that began. */
interface Before {
  readonly startMs: number
  readonly bundleMs: number
  readonly grantMs: number
}

/** Opens the part of one node, from the allocation on. */
export async function openPart(
  plan: Plan,
  obtained: ObtainedLease,
  code: LeasedCode,
  from: Standpoint,
  before: Before,
): Promise<OpenedPart> {
  const { checked, fabrics } = plan
  const { keeper, node, nodeInfo } = obtained
  try {
    const offer = chooseFabric(nodeInfo, fabrics, from, checked.fabric !== undefined)
    const ask: Ask = async (request) => {
      const allocating = node.rpc.allocate({ token: await keeper.tokenToAllocate(), ...request })
      allocating.catch(() => {})
      // Once the request has left, we have nothing to do until the executor has started: a good time to load the fabric,
      // and to start the thread that keeps the lease.
      await setImmediate()
      await setImmediate()
      prepareFabric(offer.fabric)
      prepareKeeper(checked.durationMs)
      return allocating
    }
    const asked = await askNode(plan, obtained, code, offer, ask)
    const { output } = checked
    return await connectPart(plan, obtained, offer, asked, before, () => void (output && keeper.hearOutput(output)))
  } catch (error) {
    // The caller needs the reason for the failure, not an error of the clean-up.
    await keeper.release().catch(() => {})
    throw error
  }
}

/** As {@link LeasedPart.openBeside}. */
async function openBeside(
  plan: Plan,
  obtained: ObtainedLease,
  code: LeasedCode,
  offer: ChosenOffer,
  giveUp: AbortSignal,
): Promise<OpenedPart> {
  const { keeper, node } = obtained
  const before = { startMs: performance.now(), bundleMs: 0, grantMs: 0 }
  const ask: Ask = (request) =>
    keeper.withToken((token) => node.rpc.startUpdate({ token, ...request }, { signal: giveUp }))
  const asked = await askNode(plan, obtained, code, offer, ask)
  try {
    return await connectPart(plan, obtained, offer, asked, before)
  } catch (error) {
    await keeper.endExecutor(asked.allocated.executorId)
    throw error
  }
}

/** Opens the channels of workers that a node has started. @param onChecked called when the answer can be used */
async function connectPart(
  plan: Plan,
  obtained: ObtainedLease,
  offer: ChosenOffer,
  { allocated, uploadMs, allocateMs }: AskedNode,
  { startMs, bundleMs, grantMs }: Before,
  onChecked?: () => void,
): Promise<OpenedPart> {
  const { keeper } = obtained
  const { fabric } = offer
  const { executorId } = allocated
  const whom = `The executor of lease ${keeper.leaseId} on node ${keeper.nodeId}`
  checkAllocated(allocated, whom)
  onChecked?.()
  const open = (workers: Parameters<typeof openChannels>[0]): Promise<Channel[]> =>
    openChannels(workers, fabric, layoutFor(allocated, plan.layout), whom)
  const [channels, connectMs] = await timed(open(allocated.workers))
  const timings: LeaseTimings = {
    bundleMs,
    grantMs,
    uploadMs,
    allocateMs,
    start: allocated.kept ? 'kept' : allocated.pooled ? 'pooled' : 'cold',
    startMs: allocated.startMs,
    loadMs: allocated.loadMs,
    connectMs,
    setupMs: 0,
    totalMs: performance.now() - startMs,
  }
  const functions = allocated.functions.map(({ name, raw, streams }, index) => ({ name, raw, streams, index }))
  const part: LeasedPart = {
    keeper,
    executorId,
    channels,
    reconnect: async (worker) => (await open([worker]))[0]!,
    openBeside: (code, giveUp) => openBeside(plan, obtained, code, offer, giveUp),
    fabric,
    timings,
  }
  return { part, functions }
}

/** Resolves to the result and the milliseconds that it took from now. */
export async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const startMs = performance.now()
  const result = await work
  return [result, performance.now() - startMs]
}

function chooseFabric(node: NodeInfo, fabrics: FabricChoice[], from: Standpoint, asked: boolean): ChosenOffer {
  const chosen = chooseOffer(node, fabrics, from)
  if (chosen !== null) {
    clientEvents.publish({ kind: 'fabric-chosen', nodeId: node.nodeId, asked, ...chosen } satisfies ClientEvent)
    return chosen
  }
  const offered = node.fabrics.map((offer) => offer.fabric).join(', ')
  const sentence = `Cannot reach node ${node.nodeId}: it offers ${offered}; this client can use ${fabrics.join(', ')}${verbsNote(fabrics)}`
  throw new RfaasError('node_unreachable', sentence)
}

/** Explains why a client that asks for verbs does not have it. */
function verbsNote(fabrics: FabricChoice[]): string {
  const againstVerbs = reasonAgainstVerbs()
  return fabrics.includes('verbs') && againstVerbs !== '' ? ` (not verbs: ${againstVerbs})` : ''
}

/** The workers that a node has started, and how long that took. */
interface AskedNode {
  readonly allocated: AllocateResponse
  readonly uploadMs: number
  readonly allocateMs: number
}

/** Asks a node for workers. */
type Ask = (
  request: Omit<MessageInitShape<typeof AllocateRequestSchema>, 'token' | '$typeName'>,
) => Promise<AllocateResponse>

/** Asks the node for workers. Sends the functions only when the node says that it lacks them: most often it has them. */
async function askNode(
  { checked }: Plan,
  { node, keeper }: ObtainedLease,
  code: LeasedCode,
  { fabric, address }: ChosenOffer,
  ask: Ask,
): Promise<AskedNode> {
  const { slots, payloadBytesMax, payloadsGrow, hotTimeoutMs, keepWarmMs, env } = checked
  const output = checked.output !== null
  const shape = { fabric, address, slots, payloadBytesMax, payloadsGrow, hotTimeoutMs, keepWarmMs, env, output }
  const startMs = performance.now()
  try {
    const allocated = await ask({ ...(await code.formFor(keeper.nodeId)), ...shape })
    return { allocated, uploadMs: 0, allocateMs: performance.now() - startMs }
  } catch (error) {
    if (!(error instanceof RfaasError) || error.code !== 'not_found') throw error
  }
  const form = await code.send(node.rpc, keeper.nodeId, () => keeper.token)
  const uploadedMs = performance.now()
  const allocated = await ask({ ...form, ...shape })
  return { allocated, uploadMs: uploadedMs - startMs, allocateMs: performance.now() - uploadedMs }
}

/** The layout with the room for large payloads that the node has made. */
function layoutFor({ payloadBytesLargest }: AllocateResponse, layout: SlotLayout): SlotLayout {
  const { slots, payloadBytesMax } = layout
  return payloadBytesLargest === 0 ? layout : slotLayout(slots, payloadBytesMax, payloadBytesLargest)
}

async function openChannels(
  workers: readonly Pick<WorkerAddress, 'address' | 'secret'>[],
  fabric: FabricChoice,
  layout: SlotLayout,
  whom: string,
): Promise<Channel[]> {
  const transport = openFabric(fabric)
  const geometry = geometryOf(layout)
  const opened = await Promise.allSettled(
    workers.map(({ address, secret }) => transport.connect(address, { ...geometry, secret })),
  )
  const connections: Connection[] = []
  let failed: unknown
  for (const outcome of opened) {
    if (outcome.status === 'fulfilled') connections.push(outcome.value)
    else failed ??= outcome.reason
  }
  if (failed !== undefined) {
    for (const connection of connections) connection.close()
    throw new RfaasError('node_unreachable', `Cannot open a channel to a worker: ${reasonOf(failed)}`, {
      cause: failed,
    })
  }
  return connections.map((connection) => new Channel(connection, layout, whom))
}
