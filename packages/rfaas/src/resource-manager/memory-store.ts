import { RfaasError } from '../errors.ts'
import type { Commit, Entry, Store } from './store.ts'

/** A store that ends with the process. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Entry>()
  #revision = 0
  #closed = false

  async get(key: string): Promise<Entry | null> {
    this.#checkOpen()
    return this.#entries.get(key) ?? null
  }

  async list(prefix: string): Promise<Entry[]> {
    this.#checkOpen()
    const found = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix))
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  async commit({ conditions, changes }: Commit): Promise<boolean> {
    this.#checkOpen()
    for (const [key, revision] of conditions) {
      if ((this.#entries.get(key)?.revision ?? 0) !== revision) return false
    }
    const revision = ++this.#revision
    for (const [key, value] of changes) {
      if (value === null) this.#entries.delete(key)
      else this.#entries.set(key, { key, value, revision })
    }
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #checkOpen(): void {
    if (this.#closed) throw new RfaasError('closed', 'Cannot use the store: it is closed')
  }
}
