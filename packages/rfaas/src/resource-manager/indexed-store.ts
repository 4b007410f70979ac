import { CapacityIndex } from './capacity-index.ts'
import type { Capacity } from './fit.ts'
import { LeaseIndex } from './lease-index.ts'
import { capacityOf, isReady, NODES, OPEN_LEASES, parseLease, parseNode } from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'
import type { Commit, Entry, Store } from './store.ts'

/** What is told of changes that this manager has made or read. */
export interface StoreListener {
  /** A node's record is new, has changed, or is gone (null). */
  nodeChanged?(nodeId: string, node: NodeRecord | null, before: NodeRecord | null): void
  /** An open lease is new or has changed, or is gone or closed (null). */
  leaseChanged?(leaseId: string, lease: LeaseRecord | null): void
  /** Capacity may have become free. */
  roomGrew?(): void
  /** A node has come, gone or changed: a request that no node could serve may be possible now. */
  nodesChanged?(): void
}

interface KnownNode {
  readonly value: string
  readonly node: NodeRecord
  seen: number
}

/**
 * A store that keeps indexes of nodes and open leases, updated from every record that is read or committed here, so
 * that callers need not update them. What others commit to the same store reaches the indexes only when it is read
 * here: the indexes propose, the store decides.
 */
export class IndexedStore implements Store {
  /** Free capacity as last seen; may be out of date. */
  readonly capacity: CapacityIndex = new CapacityIndex()
  /** What the same nodes would have free if no lease were open. */
  readonly emptyCapacity: CapacityIndex = new CapacityIndex()
  readonly leases: LeaseIndex = new LeaseIndex()
  listener: StoreListener = {}
  readonly #store: Store
  /** Indexed nodes by id. */
  readonly #nodes = new Map<string, KnownNode>()
  /** `foreignCommits` of the store when it was last asked. */
  #foreign = 0
  /** …and before all nodes were last listed. */
  #nodesListed = -1

  constructor(store: Store) {
    this.#store = store
  }

  /** Nodes in the index, ready or not. */
  get nodeCount(): number {
    return this.#nodes.size
  }

  /** The node, if it is known and nobody else can have changed it since `foreignCommits` was last called. */
  currentNode(nodeId: string): NodeRecord | null {
    const known = this.#nodes.get(nodeId)
    return known?.seen === this.#foreign ? known.node : null
  }

  /** As last seen; may be out of date. */
  knownNode(nodeId: string): NodeRecord | null {
    return this.#nodes.get(nodeId)?.node ?? null
  }

  /** All nodes, as last seen. */
  *knownNodes(): Iterable<NodeRecord> {
    for (const { node } of this.#nodes.values()) yield node
  }

  /** As {@link currentNode}. */
  currentLease(leaseId: string): LeaseRecord | null {
    return this.leases.current(leaseId, this.#foreign)
  }

  /** Brings all nodes in the index up to date; reads them only when somebody else has changed the store. */
  async refreshNodes(): Promise<void> {
    if (this.#nodesListed !== (await this.foreignCommits())) await this.list(NODES)
  }

  /** Indexes a node as it will be after a commit that is being prepared. */
  foresee(node: NodeRecord): void {
    this.#index(node.nodeId, node)
  }

  /** Takes back what was foreseen of these nodes. */
  forgetForeseen(nodeIds: Iterable<string>): void {
    for (const nodeId of nodeIds) this.#index(nodeId, this.knownNode(nodeId))
  }

  async get(key: string): Promise<Entry | null> {
    const seen = this.#foreign
    const entry = await this.#store.get(key)
    this.#note(key, entry?.value ?? null, seen)
    return entry
  }

  async list(prefix: string): Promise<Entry[]> {
    const seen = prefix === NODES ? await this.foreignCommits() : this.#foreign
    const entries = await this.#store.list(prefix)
    for (const { key, value } of entries) this.#note(key, value, seen)
    if (prefix !== NODES) return entries
    const listed = new Set(entries.map(({ key }) => key.slice(NODES.length)))
    for (const nodeId of this.#nodes.keys()) if (!listed.has(nodeId)) this.#note(NODES + nodeId, null, seen)
    this.#nodesListed = seen
    return entries
  }

  async page(prefix: string, after: string, limit: number): Promise<Entry[]> {
    const seen = this.#foreign
    const entries = await this.#store.page(prefix, after, limit)
    for (const { key, value } of entries) this.#note(key, value, seen)
    return entries
  }

  async commit(commit: Commit): Promise<boolean> {
    const seen = this.#foreign
    const done = await this.#store.commit(commit)
    if (!done) return false
    for (const [key, value] of commit.changes) this.#note(key, value, seen)
    return true
  }

  async foreignCommits(): Promise<number> {
    this.#foreign = await this.#store.foreignCommits()
    return this.#foreign
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  /** @param seen `foreignCommits` from before the record was read or committed */
  #note(key: string, value: string | null, seen: number): void {
    if (key.startsWith(NODES)) this.#noteNode(key.slice(NODES.length), value, seen)
    else if (key.startsWith(OPEN_LEASES)) this.#noteLease(key.slice(OPEN_LEASES.length), value, seen)
  }

  #noteLease(leaseId: string, value: string | null, seen: number): void {
    if (value === null) {
      if (this.leases.get(leaseId) === null) return
      this.leases.delete(leaseId)
      this.listener.leaseChanged?.(leaseId, null)
      return
    }
    const changed = this.leases.set(leaseId, value, seen, parseLease)
    if (changed !== null) this.listener.leaseChanged?.(leaseId, changed)
  }

  #noteNode(nodeId: string, value: string | null, seen: number): void {
    const known = this.#nodes.get(nodeId)
    if (value === null) {
      if (known === undefined) return
      this.#nodes.delete(nodeId)
      this.#index(nodeId, null)
      this.listener.nodeChanged?.(nodeId, null, known.node)
      this.listener.nodesChanged?.()
      return
    }
    if (known?.value === value) {
      known.seen = seen
      return
    }
    const node = parseNode(value)
    this.#nodes.set(nodeId, { value, node, seen })
    this.#index(nodeId, node)
    this.listener.nodeChanged?.(nodeId, node, known?.node ?? null)
    if (known === undefined || !offersTheSame(known.node, node)) this.listener.nodesChanged?.()
    else if (hasGrown(known.node, node)) this.listener.roomGrew?.()
  }

  #index(nodeId: string, node: NodeRecord | null): void {
    if (node === null || !isReady(node)) {
      this.capacity.delete(nodeId)
      this.emptyCapacity.delete(nodeId)
      return
    }
    const capacity = capacityOf(node)
    this.capacity.set(capacity)
    this.emptyCapacity.set(emptied(capacity))
  }
}

function emptied(node: Capacity): Capacity {
  const { cores, memoryMib, resources } = node
  return { ...node, coresFree: cores, memoryMibFree: memoryMib, resourcesFree: resources }
}

/** Whether all that the two records of a node differ in is what its leases take. */
function offersTheSame(a: NodeRecord, b: NodeRecord): boolean {
  const ofNode = ({ run: _run, coresLeased: _c, memoryMibLeased: _m, resourcesLeased: _r, ...rest }: NodeRecord) => rest
  return JSON.stringify(ofNode(a)) === JSON.stringify(ofNode(b))
}

function hasGrown(before: NodeRecord, after: NodeRecord): boolean {
  if (after.coresLeased < before.coresLeased || after.memoryMibLeased < before.memoryMibLeased) return true
  return Object.entries(before.resourcesLeased).some(([name, amount]) => (after.resourcesLeased[name] ?? 0) < amount)
}
