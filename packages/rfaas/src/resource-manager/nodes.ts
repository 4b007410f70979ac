import type { Usage } from '../accounting/usage.ts'
import { mergeReports } from '../accounting/usage.ts'
import { RfaasError } from '../errors.ts'
import { activateLease } from '../lease/lease.ts'
import type { Labels } from '../lease/labels.ts'
import type { LeaseEnd } from '../lease/lease.ts'
import { NO_RESOURCES } from '../lease/resources.ts'
import type { Resources } from '../lease/resources.ts'
import { NODES_MAX } from './limits.ts'
import { closeOpenLease } from './closing.ts'
import type { Context } from './context.ts'
import { publish } from './events.ts'
import type { Liveness } from './liveness.ts'
import {
  CLOSED_LEASES,
  HEARTBEATS,
  LAST_RUN,
  LEASES_OF,
  NODES,
  OPEN_LEASES,
  parseLease,
  parseNode,
  parsePool,
  POOLS,
} from './records.ts'
import type { FabricOffer, LeaseRecord, NodeRecord, PoolRecord } from './records.ts'
import { readSlowly, transact } from './store.ts'
import type { Store, Transaction } from './store.ts'

/**
 * A node and its run: a number for each registration, 0 for nodes that do not number them. A message of an older run
 * came late or twice, and is out of date.
 */
export interface NodeRun {
  readonly nodeId: string
  readonly run: number
}

/** A node's description of itself. */
export interface NodeDescription extends NodeRun {
  readonly controlUrl: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Resources
  readonly labels: Labels
  readonly fabrics: readonly FabricOffer[]
}

/** A node that keeps another one from registering under its name. */
export interface FormerNode extends NodeRun {
  readonly controlUrl: string
  readonly heartbeatUnixMs: number
}

/** A node's report about one of its leases. */
export interface LeaseReport {
  readonly leaseId: string
  /** Cumulative. */
  readonly usage: Usage
  /** null while it runs. */
  readonly end: LeaseEnd | null
}

/** What a node must do about the leases that it has reported. */
export interface NodeOrders {
  /** Ids of leases that are over. */
  readonly toStop: string[]
  /** Leases that are being taken back: they may run until they expire. */
  readonly retrievals: LeaseRecord[]
}

/** @returns a number for the next registration of a node, higher than any before */
export async function beginRun({ runs }: Context): Promise<number> {
  return runs.add(null)
}

/** @returns so many numbers of runs */
export async function beginRuns({ store }: Context, count: number): Promise<PromiseSettledResult<number>[]> {
  return transact(store, async (transaction) => {
    // One counter for all nodes, so a node that never registers leaves no record.
    const last = Number((await transaction.get(LAST_RUN)) ?? 0)
    transaction.set(LAST_RUN, String(last + count))
    return Array.from({ length: count }, (_, n) => ({ status: 'fulfilled', value: last + n + 1 }))
  })
}

/**
 * Registers a node, or registers it again under the same id. `reports` must name all leases that it still runs: leases
 * that it ran before and that are not among them are closed, because the node's restart has ended them.
 *
 * A node of the same name at another URL keeps its name until it is lost, or until the new one has found that it has ended:
 * two machines with one name would otherwise end each other's leases by turns.
 *
 * @param replaces the run of a former node that has ended; 0: none
 * @returns the node that has the name, when nothing was registered because of it
 * @throws {RfaasError} `node_exists` when a later run of the node has registered
 */
export async function registerNode(
  context: Context,
  description: NodeDescription,
  reports: readonly LeaseReport[],
  pool: PoolRecord | null = null,
  replaces = 0,
): Promise<FormerNode | null> {
  const { nodeId, run } = description
  const result = await transact(context.store, async (transaction) => {
    const nowUnixMs = context.clock.nowUnixMs()
    const value = await transaction.get(NODES + nodeId)
    if (value === null) await checkRoomForNode(context, nodeId)
    const known = value === null ? null : parseNode(value)
    if (known !== null) checkRun('register', description, known)
    if (known !== null && hasName(known, description, replaces)) return known
    const { coresLeased, memoryMibLeased, resourcesLeased, drainReason } = known ?? NOTHING_LEASED
    const leased = { coresLeased, memoryMibLeased, resourcesLeased }
    const node: NodeRecord = { ...description, ...leased, lostUnixMs: null, drainReason }
    transaction.set(NODES + nodeId, JSON.stringify(node))
    writeHeartbeat(transaction, nodeId, nowUnixMs, pool)

    const { closed } = await applyReports(context, transaction, nodeId, reports, nowUnixMs)
    // The same registration came a second time: leases that have begun since are not among its reports.
    if (run !== 0 && run === known?.run) return { node, closed, nowUnixMs }
    const reported = new Set(reports.map(({ leaseId }) => leaseId))
    for (const lease of await openLeasesOf(transaction, nodeId)) {
      // A lease that was granted and never reported may be about to start.
      if (lease.state === 'granted' || reported.has(lease.leaseId)) continue
      closed.push(await closeOpenLease(context, transaction, lease, 'executor_crashed', nowUnixMs))
    }
    return { node, closed, nowUnixMs }
  })
  if ('controlUrl' in result) return { ...result, heartbeatUnixMs: await lastHeartbeat(context, nodeId) }
  const { node, closed, nowUnixMs } = result
  context.liveness.wrote(nodeId, nowUnixMs, pool)
  publish({ kind: 'node-registered', node })
  for (const lease of closed) context.leaseClosed(lease)
  return null
}

/** Whether a known node keeps another one from registering under its name. */
function hasName(known: NodeRecord, { run, controlUrl }: NodeDescription, replaces: number): boolean {
  if (known.lostUnixMs !== null || known.controlUrl === controlUrl) return false
  return known.run !== run && known.run !== replaces
}

/** `pool` is null for nodes of a version without pools. */
function writeHeartbeat(transaction: Transaction, nodeId: string, nowUnixMs: number, pool: PoolRecord | null): void {
  transaction.set(HEARTBEATS + nodeId, String(nowUnixMs))
  transaction.set(POOLS + nodeId, pool === null ? null : JSON.stringify(pool))
}

const NOTHING_LEASED = { coresLeased: 0, memoryMibLeased: 0, resourcesLeased: NO_RESOURCES, drainReason: null }

async function checkRoomForNode({ store }: Context, nodeId: string): Promise<void> {
  // The index may lack nodes that have registered at another manager just now; a few nodes too many do no harm.
  if (store.nodeCount >= NODES_MAX) await store.refreshNodes()
  const { nodeCount } = store
  if (nodeCount < NODES_MAX) return
  throw new RfaasError('invalid_argument', `Cannot register node ${nodeId}: there are ${nodeCount} nodes already`)
}

/**
 * Handles a heartbeat and the reports in it. A node that was declared lost is alive again; its leases stay closed.
 *
 * @returns null when the node, or this run of it, is unknown and must register; else what the node must do
 * @throws {RfaasError} `node_exists` when a later run of the node has registered
 */
export async function heartbeat(
  context: Context,
  { nodeId, run }: NodeRun,
  reports: readonly LeaseReport[],
  pool: PoolRecord | null = null,
): Promise<NodeOrders | null> {
  if (await takeQuietly(context, { nodeId, run }, reports, pool)) return { toStop: [], retrievals: [] }
  const { store, clock, liveness } = context
  const result = await transact(store, async (transaction) => {
    const suspicions = liveness.suspicions(nodeId)
    const value = await transaction.get(NODES + nodeId)
    if (value === null) return null
    const node = parseNode(value)
    checkRun('take a heartbeat of', { nodeId, run }, node)
    if (run > node.run) return null
    if (node.lostUnixMs !== null) {
      transaction.set(NODES + nodeId, JSON.stringify({ ...node, lostUnixMs: null }))
    }
    const applied = await applyReports(context, transaction, nodeId, reports, clock.nowUnixMs())
    const nowUnixMs = clock.nowUnixMs()
    const isFresh = node.lostUnixMs === null && suspicions === liveness.suspicions(nodeId)
    if (isFresh && liveness.isFresh(nodeId, nowUnixMs)) {
      liveness.hear(nodeId, nowUnixMs, pool)
      return { ...applied, writtenUnixMs: null }
    }
    writeHeartbeat(transaction, nodeId, nowUnixMs, pool)
    return { ...applied, writtenUnixMs: nowUnixMs }
  })
  if (result === null) return null
  if (result.writtenUnixMs !== null) liveness.wrote(nodeId, result.writtenUnixMs, pool)
  for (const lease of result.closed) context.leaseClosed(lease)
  return result.orders
}

/**
 * Takes a heartbeat that changes no record: one of a node that was heard of just now, all of whose leases run. It costs
 * no commit, and reads nothing while nobody else changes the store.
 *
 * @returns false, with nothing done, when it may change a record
 */
async function takeQuietly(
  context: Context,
  { nodeId, run }: NodeRun,
  reports: readonly LeaseReport[],
  pool: PoolRecord | null,
): Promise<boolean> {
  const { store, liveness, clock } = context
  await store.foreignCommits()
  // No await from here on, so that the sweep cannot declare the node lost meanwhile.
  const nowUnixMs = clock.nowUnixMs()
  const node = store.currentNode(nodeId)
  if (node === null || node.run !== run || node.lostUnixMs !== null) return false
  if (!liveness.isFresh(nodeId, nowUnixMs)) return false
  if (!reports.every((report) => isQuiet(context, nodeId, report))) return false
  for (const { leaseId, usage } of reports) context.usage.note(leaseId, usage)
  liveness.hear(nodeId, nowUnixMs, pool)
  return true
}

/** Whether a report says no more than that the lease runs, as it should. */
function isQuiet({ store }: Context, nodeId: string, { leaseId, end }: LeaseReport): boolean {
  if (end !== null) return false
  const lease = store.currentLease(leaseId)
  return lease !== null && lease.nodeId === nodeId && lease.state === 'active'
}

/**
 * Closes all leases of a node and forgets the node. Idempotent; has no effect when the node is unknown or a later run
 * of it has registered.
 */
export async function deregisterNode(context: Context, { nodeId, run }: NodeRun): Promise<void> {
  const { known, closed } = await transact(context.store, async (transaction) => {
    const value = await transaction.get(NODES + nodeId)
    const known = value !== null
    const closed: LeaseRecord[] = []
    if (known && isOlder(run, parseNode(value))) return { known: false, closed }
    for (const lease of await openLeasesOf(transaction, nodeId)) {
      closed.push(await closeOpenLease(context, transaction, lease, 'retrieved', context.clock.nowUnixMs()))
    }
    if (known) forgetNode(transaction, nodeId)
    return { known, closed }
  })
  for (const lease of closed) context.leaseClosed(lease)
  if (!known) return
  context.liveness.forget(nodeId)
  publish({ kind: 'node-left', nodeId })
}

/** Deletes all records of a node. */
export function forgetNode(transaction: Transaction, nodeId: string): void {
  for (const records of [NODES, HEARTBEATS, POOLS]) transaction.set(records + nodeId, null)
}

function isOlder(run: number, known: NodeRecord): boolean {
  return run !== 0 && run < known.run
}

function checkRun(verb: string, { nodeId, run }: NodeRun, known: NodeRecord): void {
  if (!isOlder(run, known)) return
  throw new RfaasError(
    'node_exists',
    `Cannot ${verb} node ${nodeId}: the request is from its run ${run}, but its run ${known.run} has registered`,
  )
}

/** The time of the node's last heartbeat or registration; 0 when it is unknown. */
export async function lastHeartbeat({ store, liveness }: Context, nodeId: string): Promise<number> {
  const heardUnixMs = liveness.heardUnixMs(nodeId)
  if (heardUnixMs > 0) return heardUnixMs
  return Number((await store.get(HEARTBEATS + nodeId))?.value ?? 0)
}

export interface ListedNode {
  readonly node: NodeRecord
  readonly heartbeatUnixMs: number
  readonly pool: PoolRecord | null
}

/** Sorted by node id; at most `limit`. */
export async function listNodes({ store, liveness }: Context, limit: number): Promise<ListedNode[]> {
  if (limit < Infinity) {
    const nodes = await store.page(NODES, '', limit)
    return Promise.all(nodes.map(async ({ value }) => listed(liveness, parseNode(value), await wordOf(store, value))))
  }
  const written = new Map<string, string>()
  for (const prefix of [HEARTBEATS, POOLS]) {
    for await (const { key, value } of readSlowly(store, prefix)) written.set(key, value)
  }
  const nodes: ListedNode[] = []
  for (const { value } of await store.list(NODES)) {
    const node = parseNode(value)
    const { nodeId } = node
    nodes.push(listed(liveness, node, [written.get(HEARTBEATS + nodeId), written.get(POOLS + nodeId)]))
  }
  return nodes
}

type Written = readonly [heartbeat: string | undefined, pool: string | undefined]

async function wordOf(store: Store, value: string): Promise<Written> {
  const { nodeId } = parseNode(value)
  const [heartbeat, pool] = await Promise.all([store.get(HEARTBEATS + nodeId), store.get(POOLS + nodeId)])
  return [heartbeat?.value, pool?.value]
}

/** A node with the later of what this manager has heard and what is in the store. */
function listed(liveness: Liveness, node: NodeRecord, [heartbeat, pool]: Written): ListedNode {
  const heardUnixMs = liveness.heardUnixMs(node.nodeId)
  const writtenUnixMs = Number(heartbeat ?? 0)
  const heard = heardUnixMs > 0 && heardUnixMs >= writtenUnixMs ? liveness.pool(node.nodeId) : null
  return {
    node,
    heartbeatUnixMs: Math.max(heardUnixMs, writtenUnixMs),
    pool: heard ?? (pool === undefined ? null : parsePool(pool)),
  }
}

/**
 * Open leases of a node, without those that the transaction has closed. The transaction fails if one of them changes.
 */
export async function openLeasesOf(transaction: Transaction, nodeId: string): Promise<LeaseRecord[]> {
  const leases: LeaseRecord[] = []
  const prefix = `${LEASES_OF}${nodeId}/`
  for (const key of await transaction.keys(prefix)) {
    const current = await transaction.get(OPEN_LEASES + key.slice(prefix.length))
    if (current !== null) leases.push(parseLease(current))
  }
  return leases
}

/** Idempotent: applying the same reports twice changes nothing. */
async function applyReports(
  context: Context,
  transaction: Transaction,
  nodeId: string,
  reports: readonly LeaseReport[],
  nowUnixMs: number,
): Promise<{ closed: LeaseRecord[]; orders: NodeOrders }> {
  const closed: LeaseRecord[] = []
  const orders: NodeOrders = { toStop: [], retrievals: [] }
  for (const report of reports) {
    const { leaseId, usage, end } = report
    if (isQuiet(context, nodeId, report)) {
      context.usage.note(leaseId, usage)
      continue
    }
    const openValue = await transaction.get(OPEN_LEASES + leaseId)
    const closedValue = openValue === null ? await transaction.get(CLOSED_LEASES + leaseId) : null
    const value = openValue ?? closedValue
    const lease = value === null ? null : parseLease(value)
    const isOurs = lease !== null && lease.nodeId === nodeId
    if (isOurs && openValue !== null && end !== null) {
      const last = { ...lease, usage: mergeReports(lease.usage, usage) }
      closed.push(await closeOpenLease(context, transaction, last, end, nowUnixMs))
      continue
    }
    const shouldRun = isOurs && openValue !== null && lease.state !== 'terminating'
    if (end === null && !shouldRun) {
      if (isOurs && openValue !== null && lease.end === 'retrieved') orders.retrievals.push(lease)
      else orders.toStop.push(leaseId)
    }
    if (!isOurs) continue
    if (openValue !== null) {
      context.usage.note(leaseId, usage)
      if (lease.state !== 'granted') continue
      transaction.set(OPEN_LEASES + leaseId, JSON.stringify({ ...lease, ...activateLease(lease, nowUnixMs) }))
      continue
    }
    // A report that came again changes nothing; skip the write then.
    const text = JSON.stringify({ ...lease, usage: mergeReports(lease.usage, usage) })
    if (text !== value) transaction.set(CLOSED_LEASES + leaseId, text)
  }
  return { closed, orders }
}
