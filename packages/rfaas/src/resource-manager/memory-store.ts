import { RfaasError } from '../errors.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { Commit, Entry, Store } from './store.ts'

/** A store that ends with the process. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>()
  readonly #keys = new SortedKeys()
  #revision = 0
  #closed = false

  async get(key: string): Promise<Entry | null> {
    this.#checkOpen()
    return this.#entries.get(key) ?? null
  }

  async list(prefix: string): Promise<Entry[]> {
    return this.#read(prefix, '', Infinity)
  }

  async page(prefix: string, after: string, limit: number): Promise<Entry[]> {
    return this.#read(prefix, after, limit)
  }

  async commit({ conditions, changes }: Commit): Promise<boolean> {
    this.#checkOpen()
    for (const [key, revision] of conditions) {
      if ((this.#entries.get(key)?.revision ?? 0) !== revision) return false
    }
    const revision = ++this.#revision
    for (const [key, value] of changes) {
      if (value === null) {
        if (this.#entries.delete(key)) this.#keys.delete(key)
      } else {
        if (!this.#entries.has(key)) this.#keys.add(key)
        this.#entries.set(key, { key, value, revision })
      }
    }
    return true
  }

  /** Nobody else can open this store. */
  async foreignCommits(): Promise<number> {
    this.#checkOpen()
    return 0
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #read(prefix: string, after: string, limit: number): Entry[] {
    this.#checkOpen()
    const found: Entry[] = []
    for (const key of this.#keys.from(after > prefix ? after : prefix)) {
      if (!key.startsWith(prefix) || found.length >= limit) break
      if (key !== after) found.push(this.#entries.get(key)!)
    }
    return found
  }

  #checkOpen(): void {
    if (this.#closed) throw new RfaasError('closed', 'Cannot use the store: it is closed')
  }
}
