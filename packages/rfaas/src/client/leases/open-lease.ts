import { setImmediate } from 'node:timers/promises'

import { hostIdentity } from '@rfaas/fabric'

import { systemClock } from '../../clock.ts'
import { deployedName } from '../../control/functions-name.ts'
import { PlacementPolicy } from '../../control/gen/rfaas_pb.ts'
import { RfaasError, toRfaasError } from '../../errors.ts'
import { slotLayout } from '../../protocol/slots.ts'
import { bundle, type BundleOptions } from '../bundle/bundle.ts'
import { explainNative } from '../bundle/native.ts'
import { abortedError } from '../calls/abort.ts'
import type { RemoteFunction } from '../calls/wire.ts'
import { deployedCode } from '../deploy/deployed-code.ts'
import { entryOf } from '../deploy/entry.ts'
import type { OpenedLease } from '../lease.ts'
import type { LeaseOptions } from '../types.ts'
import { standpoint } from './choose-offer.ts'
import { keepAside } from './keep-aside.ts'
import { checkLeaseOptions } from './lease-options.ts'
import type { OpenedUpdate } from './lease-updater.ts'
import { coresOf, discard, type LeasedPart } from './leased-part.ts'
import { obtainLeases, type LeaseSource, type ObtainedLease } from './obtain-leases.ts'
import { openInPlace } from './open-in-place.ts'
import { openPart, timed, type LeaseContext, type Plan } from './open-part.ts'
import { SentBundle, type LeasedCode } from './send-bundle.ts'
import { explainDenial, usableFabrics } from './usable-fabrics.ts'

const POLICIES = { pack: PlacementPolicy.PACK, spread: PlacementPolicy.SPREAD }

/** A request to the manager: at first for the whole lease, later for the replacement of a part. */
interface Ask {
  readonly cores: number
  /** Fewest cores to accept when `cores` are not free. */
  readonly coresMin: number
  readonly avoidNodeIds: string[]
  /** Ends the wait for the grant. */
  readonly giveUp?: AbortSignal
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
  const openUpdate: OpenUpdate = async (wanted, current, giveUp) => {
    // First, because it fails most easily.
    const next = await codeOf(context, wanted, deployedName(wanted) === null ? checked : {})
    if (next.sha256 === code.sha256) return null
    const count = coresOf(current)
    const ask = { cores: count, coresMin: count, avoidNodeIds: [], giveUp }
    const openOthers = (waitMs: number): Promise<OpenedParts> =>
      openParts({ ...plan, checked: { ...checked, waitMs } }, ask, () => Promise.resolve(next))
    const opened = await unlessDenied(openOthers(0), (noCores) =>
      unlessDenied(openInPlace(current, next, giveUp), (noRoom) => {
        if (checked.waitMs > 0) return openOthers(checked.waitMs)
        const sentence = `Cannot update the lease: ${noCores.sentence}; ${noRoom.sentence}`
        throw new RfaasError('lease_denied', sentence, { cause: noRoom })
      }),
    )
    const { parts, functions } = opened
    return { parts, functions, deployed: next.deployed, keep: () => void (code = next) }
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

type OpenedParts = Pick<OpenedUpdate, 'parts' | 'functions'>

/** What `opening` resolves to, or `instead` when it was denied for want of room. */
async function unlessDenied(
  opening: Promise<OpenedParts>,
  instead: (error: RfaasError) => Promise<OpenedParts>,
): Promise<OpenedParts> {
  try {
    return await opening
  } catch (error) {
    if (error instanceof RfaasError && error.code === 'lease_denied') return instead(error)
    throw error
  }
}

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
    throw bundled.status === 'rejected'
      ? bundled.reason
      : explainNative(explainDenial(granted.reason, plan.fabrics), plan.checked.functions)
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
