import { setImmediate } from 'node:timers/promises'

import { hostIdentity, openFabric, prepareFabric, reasonAgainstVerbs, type Connection } from '@rfaas/fabric'

import { systemClock } from '../../clock.ts'
import type { ExecutorManagerClient, ManagerClient } from '../../control/client.ts'
import { deployedName } from '../../control/functions-name.ts'
import { PlacementPolicy } from '../../control/gen/rfaas_pb.ts'
import type { AllocateResponse, NodeInfo, WorkerAddress } from '../../control/gen/rfaas_pb.ts'
import { RfaasError, toRfaasError } from '../../errors.ts'
import { geometryOf, slotLayout, type SlotLayout } from '../../protocol/slots.ts'
import { bundle, type BundleOptions } from '../bundle/bundle.ts'
import { abortedError } from '../calls/abort.ts'
import { Channel } from '../calls/channel.ts'
import type { RemoteFunction } from '../calls/wire.ts'
import { deployedCode } from '../deploy/deployed-code.ts'
import { entryOf } from '../deploy/entry.ts'
import { checkAllocated } from './check-answers.ts'
import { chooseOffer, standpoint, type ChosenOffer, type Standpoint } from './choose-offer.ts'
import { clientEvents, type ClientEvent } from '../events.ts'
import { keepAside, prepareKeeper } from './keep-aside.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { OpenedLease } from '../lease.ts'
import { checkLeaseOptions, type CheckedLeaseOptions } from './lease-options.ts'
import { obtainLeases, type LeaseSource, type ObtainedLease } from './obtain-leases.ts'
import { SentBundle, type BundleForm, type LeasedCode } from './send-bundle.ts'
import type { SharedClients } from './shared-clients.ts'
import { coresOf, discard, type LeasedPart } from './leased-part.ts'
import { reasonOf } from '../../thrown.ts'
import type { FabricChoice, LeaseOptions, LeaseTimings } from '../types.ts'
import { explainDenial, usableFabrics } from './usable-fabrics.ts'

const POLICIES = { pack: PlacementPolicy.PACK, spread: PlacementPolicy.SPREAD }

/** What the leases of one cluster share. */
export interface LeaseContext {
  readonly manager: ManagerClient
  readonly managerUrl: string
  readonly nodes: SharedClients<ExecutorManagerClient>
  readonly tenant: string
  /** Ids of nodes that are known not to see this client's files. */
  readonly distantNodes: Set<string>
}

/** A request to the manager: at first for the whole lease, later for the replacement of a part. */
interface Ask {
  readonly cores: number
  /** Fewest cores to accept when `cores` are not free. */
  readonly coresMin: number
  readonly avoidNodeIds: string[]
  /** Ends the wait for the grant. */
  readonly giveUp?: AbortSignal
}

/** What all parts of one lease have in common. */
interface Plan {
  readonly context: LeaseContext
  readonly checked: CheckedLeaseOptions
  readonly layout: SlotLayout
  /** The fabrics that may be used, best first. */
  readonly fabrics: FabricChoice[]
}

/**
 * Leases workers, and returns with them the function that leases replacements. Undoes what it did when a step fails.
 */
export async function openLease(context: LeaseContext, options: LeaseOptions<never>): Promise<OpenedLease> {
  const checked = checkLeaseOptions(options)
  const layout = slotLayout(checked.slots, checked.payloadBytesMax)
  const fabrics = usableFabrics(checked.fabric)
  const plan: Plan = { context, checked, layout, fabrics }
  const { queueMax, spinUs, replace, isIdempotent, setup, cores, coresMin, nodeId, signal, abandonGraceMs } = checked
  const all = { cores, coresMin, avoidNodeIds: [], ...(signal && { giveUp: signal }) }
  const first = await unlessAborted(signal, () =>
    openParts(plan, all, () => codeOf(context, checked.functions, checked)),
  )
  const { parts, functions } = first
  let { code } = first
  const open = async (lost: number, avoidNodeId: string, giveUp: AbortSignal): Promise<LeasedPart[]> => {
    // A lease of one given node gets no other node. And the functions stay what they were, though their files may have
    // changed.
    const avoidNodeIds = nodeId === '' && avoidNodeId !== '' ? [avoidNodeId] : []
    const ask = { cores: lost, coresMin: coresMin < cores ? 1 : lost, avoidNodeIds, giveUp }
    return (await openParts(plan, ask, () => Promise.resolve(code))).parts
  }
  const openReplacement = replace ? open : null
  const openUpdate: OpenUpdate = async (wanted, count, giveUp) => {
    // First, because it fails most easily.
    const next = await codeOf(context, wanted, deployedName(wanted) === null ? checked : {})
    if (next.sha256 === code.sha256) return null
    const ask = { cores: count, coresMin: count, avoidNodeIds: [], giveUp }
    const opened = await openParts(plan, ask, () => Promise.resolve(next)).catch((error: unknown) => {
      if (!(error instanceof RfaasError) || error.code !== 'lease_denied') throw error
      const reason = `its new workers need as many cores as it has, beside them, until these have finished`
      throw new RfaasError('lease_denied', `Cannot update the lease: ${reason}; ${error.sentence}`, { cause: error })
    })
    return { ...opened, deployed: next.deployed, keep: () => void (code = next) }
  }
  const { deployed } = code
  const spinMs = spinUs / 1000
  return {
    parts,
    functions,
    deployed,
    setup,
    queueMax,
    spinMs,
    openReplacement,
    openUpdate,
    isIdempotent,
    abandonGraceMs,
    memoryMibPerCore: checked.memoryMib / cores,
  }
}

/** As {@link OpenedLease.openUpdate}. */
type OpenUpdate = OpenedLease['openUpdate']

/** The functions that a lease names: those deployed under a name, or a module that is bundled now. */
async function codeOf(
  { manager, distantNodes }: LeaseContext,
  functions: string | URL,
  options: BundleOptions,
): Promise<LeasedCode> {
  const deployed = deployedName(functions)
  if (deployed !== null) return deployedCode(manager, deployed)
  const bundled = await bundle(entryOf(functions), options).catch((error: unknown) => {
    const isUnclear = typeof functions === 'string' && !functions.includes('/')
    if (!isUnclear || !(error instanceof RfaasError) || error.code !== 'invalid_argument') throw error
    const sentence = `${error.sentence}; if you mean deployed functions, their name has no dot, like pricing or pricing@2`
    throw new RfaasError('invalid_argument', sentence, { cause: error })
  })
  return new SentBundle(bundled, distantNodes)
}

/** Runs the opening of a lease, and gives its workers back when the signal has fired before they are there. */
async function unlessAborted<T extends { parts: LeasedPart[] }>(
  signal: AbortSignal | undefined,
  open: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return open()
  const refuse = (): never => {
    throw abortedError('Cannot lease', signal)
  }
  if (signal.aborted) refuse()
  let opened: T
  try {
    opened = await open()
  } catch (error) {
    return signal.aborted ? refuse() : Promise.reject(toRfaasError(error))
  }
  if (signal.aborted) {
    const error = abortedError('Cannot lease', signal)
    await Promise.all(opened.parts.map((part) => discard(part, error)))
    throw error
  }
  return opened
}

/** Runs the cold path: grant and bundle concurrently, then on each node allocate and connect. */
async function openParts(
  plan: Plan,
  ask: Ask,
  makeBundle: () => Promise<LeasedCode>,
): Promise<{ parts: LeasedPart[]; functions: RemoteFunction[]; code: LeasedCode }> {
  const startMs = performance.now()
  const granting = timed(requestLeases(plan, ask))
  granting.catch(() => {})
  // Lets the request leave first: what follows blocks the event loop.
  await setImmediate()
  await setImmediate()
  const bundling = timed(makeBundle())
  const from = standpoint()
  // When both fail, the error of the functions is thrown, not that of the grant.
  const [bundled, granted] = await Promise.allSettled([bundling, granting])
  if (granted.status === 'rejected')
    throw bundled.status === 'rejected' ? bundled.reason : explainDenial(granted.reason, plan.fabrics)
  const [grants, grantMs] = granted.value
  if (bundled.status === 'rejected') {
    await Promise.allSettled(grants.map(({ keeper }) => keeper.release()))
    throw bundled.reason
  }
  const [code, bundleMs] = bundled.value
  if (ask.giveUp?.aborted) {
    await Promise.allSettled(grants.map(({ keeper }) => keeper.release()))
    throw toRfaasError(ask.giveUp.reason, 'aborted', 'Cannot lease')
  }
  const opening = grants.map((grant) => openPart(plan, grant, code, from, { startMs, bundleMs, grantMs }))
  const outcomes = await Promise.allSettled(opening)
  const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  const parts = opened.map(({ part }) => part)
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined && coresOf(parts) < ask.coresMin) {
    const error = toRfaasError(failed.reason)
    await Promise.all(parts.map((part) => discard(part, error)))
    throw error
  }
  // Not before all parts are open: their listeners are set in this very turn of the event loop.
  for (const { keeper } of parts) keeper.start()
  return { parts, functions: opened[0]!.functions, code }
}

/** Opens the part of one node, from the allocation on. */
async function openPart(
  { checked, layout, fabrics }: Plan,
  { keeper, node, nodeInfo }: ObtainedLease,
  code: LeasedCode,
  from: Standpoint,
  { startMs, bundleMs, grantMs }: { startMs: number; bundleMs: number; grantMs: number },
): Promise<{ part: LeasedPart; functions: RemoteFunction[] }> {
  try {
    const offer = chooseFabric(nodeInfo, fabrics, from, checked.fabric !== undefined)
    const { fabric } = offer
    const { allocated, uploadMs, allocateMs } = await allocate(node, keeper, code, offer, checked)
    const whom = `The executor of lease ${keeper.leaseId} on node ${keeper.nodeId}`
    checkAllocated(allocated, whom)
    if (checked.output !== null) keeper.hearOutput(checked.output)
    const open = (workers: Parameters<typeof openChannels>[0]): Promise<Channel[]> =>
      openChannels(workers, fabric, layoutFor(allocated, layout), whom)
    const [channels, connectMs] = await timed(open(allocated.workers))
    const reconnect: LeasedPart['reconnect'] = async (worker) => (await open([worker]))[0]!
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
    return { part: { keeper, channels, reconnect, fabric, timings }, functions }
  } catch (error) {
    // The caller needs the reason for the failure, not an error of the clean-up.
    await keeper.release().catch(() => {})
    throw error
  }
}

/** Resolves to the result and the milliseconds that it took from now. */
async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const startMs = performance.now()
  const result = await work
  return [result, performance.now() - startMs]
}

/** Requests the grants, one on each node that is to have a part. */
function requestLeases({ context, checked, fabrics }: Plan, { giveUp, ...ask }: Ask): Promise<ObtainedLease[]> {
  const { manager, managerUrl, nodes, tenant } = context
  const { resources, labels, durationMs, nodeId, priority, preempt: preempts, waitMs, nodes: nodesMax } = checked
  const request = {
    tenant,
    ...ask,
    nodesMax,
    memoryMib: Math.ceil((checked.memoryMib * ask.cores) / checked.cores),
    resources,
    labels,
    policy: POLICIES[checked.policy],
    durationMs,
    nodeId,
    fabrics,
    hostId: hostIdentity(),
    priority,
    preempts,
  }
  const source: LeaseSource = {
    manager,
    nodeAt: (url) => nodes.use(url),
    clock: systemClock,
    aside: (lease, listener) => keepAside({ ...lease, managerUrl }, listener),
  }
  return obtainLeases(source, request, waitMs, giveUp)
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

/** Allocates on the node. Sends the functions only when the node says that it lacks them: most often it has them. */
async function allocate(
  node: ExecutorManagerClient,
  keeper: LeaseKeeper,
  code: LeasedCode,
  { fabric, address }: ChosenOffer,
  { slots, payloadBytesMax, payloadsGrow, hotTimeoutMs, keepWarmMs, env, durationMs, output }: CheckedLeaseOptions,
): Promise<{ allocated: AllocateResponse; uploadMs: number; allocateMs: number }> {
  const shape = {
    fabric,
    address,
    slots,
    payloadBytesMax,
    payloadsGrow,
    hotTimeoutMs,
    keepWarmMs,
    env,
    output: output !== null,
  }
  const startMs = performance.now()
  const ask = async (form: BundleForm): Promise<AllocateResponse> => {
    const allocating = node.rpc.allocate({ token: await keeper.tokenToAllocate(), ...form, ...shape })
    allocating.catch(() => {})
    // Once the request has left, we have nothing to do until the executor has started: a good time to load the fabric,
    // and to start the thread that keeps the lease.
    await setImmediate()
    await setImmediate()
    prepareFabric(fabric)
    prepareKeeper(durationMs)
    return allocating
  }
  try {
    return {
      allocated: await ask(await code.formFor(keeper.nodeId)),
      uploadMs: 0,
      allocateMs: performance.now() - startMs,
    }
  } catch (error) {
    if (!(error instanceof RfaasError) || error.code !== 'not_found') throw error
  }
  const form = await code.send(node.rpc, keeper.nodeId, () => keeper.token)
  const uploadedMs = performance.now()
  return { allocated: await ask(form), uploadMs: uploadedMs - startMs, allocateMs: performance.now() - uploadedMs }
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
