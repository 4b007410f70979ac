import { CapacityIndex } from './capacity-index.ts'
import { capacityOf, isReady, NODES, parseNode } from './records.ts'
import type { Commit, Entry, Store } from './store.ts'

/**
 * A store that keeps an index of what its nodes have free, by looking at every record of a node that passes: so that
 * whoever changes one need not think of it. The index knows nothing of what others commit to the same store until it
 * is read here; it proposes, the store decides.
 */
export class IndexedStore implements Store {
  /** As of late. */
  readonly capacity: CapacityIndex = new CapacityIndex()
  /** Called when what a node has free has changed, or which nodes there are. */
  onChange: (() => void) | null = null
  readonly #store: Store
  /** By key, as they are in the index: most that passes is not new. */
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
