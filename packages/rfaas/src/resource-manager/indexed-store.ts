import { CapacityIndex } from './capacity-index.ts'
import { capacityOf, isReady, NODES, parseNode } from './records.ts'
import type { Commit, Entry, Store } from './store.ts'

/**
 * A store that keeps an index of the nodes' free capacity, updated from every node record that is read or committed
 * here, so that callers need not update it. What others commit to the same store reaches the index only when it is read
 * here: the index proposes, the store decides.
 */
export class IndexedStore implements Store {
  /** Free capacity as last seen; may be out of date. */
  readonly capacity: CapacityIndex = new CapacityIndex()
  /** Called when a node's record has changed, or when the set of nodes has. */
  onChange: (() => void) | null = null
  readonly #store: Store
  /** The indexed records by key. Most records that are read are unchanged, so they are not parsed again. */
  readonly #records = new Map<string, string>()

  constructor(store: Store) {
    this.#store = store
  }

  async get(key: string): Promise<Entry | null> {
    const entry = await this.#store.get(key)
    if (key.startsWith(NODES)) this.#note(key, entry?.value ?? null)
    return entry
  }

  async list(prefix: string): Promise<Entry[]> {
    const entries = await this.#store.list(prefix)
    if (prefix === NODES) this.#noteAll(entries)
    return entries
  }

  async commit(commit: Commit): Promise<boolean> {
    const done = await this.#store.commit(commit)
    if (!done) return false
    for (const [key, value] of commit.changes) if (key.startsWith(NODES)) this.#note(key, value)
    return true
  }

  async close(): Promise<void> {
    await this.#store.close()
  }

  #noteAll(entries: readonly Entry[]): void {
    const listed = new Set(entries.map(({ key }) => key))
    for (const key of this.#records.keys()) if (!listed.has(key)) this.#note(key, null)
    for (const { key, value } of entries) this.#note(key, value)
  }

  #note(key: string, value: string | null): void {
    if (value === null) {
      this.#records.delete(key)
      this.capacity.delete(key.slice(NODES.length))
      this.onChange?.()
      return
    }
    if (this.#records.get(key) === value) return
    this.#records.set(key, value)
    const node = parseNode(value)
    if (isReady(node)) this.capacity.set(capacityOf(node))
    else this.capacity.delete(node.nodeId)
    this.onChange?.()
  }
}
