import type { Context } from './context.ts'
import { PAGE_ENTRIES, PAGE_PAUSE_MS } from './limits.ts'
import { HEARTBEATS, NODES, OPEN_LEASES, POOLS, USAGE } from './records.ts'
import { transact } from './store.ts'

/** The prefixes that are read, and what must exist for a record to be kept. */
const PARTS: readonly { readonly prefix: string; readonly belongsTo: string | null }[] = [
  { prefix: NODES, belongsTo: null },
  { prefix: OPEN_LEASES, belongsTo: null },
  { prefix: HEARTBEATS, belongsTo: NODES },
  { prefix: POOLS, belongsTo: NODES },
  { prefix: USAGE, belongsTo: OPEN_LEASES },
]

/**
 * Reads all nodes and open leases page by page, so that the indexes of the store have them: once at the start, and then
 * again only after other managers have changed the store, slowly. Without it, a lease whose manager is gone would never
 * expire. Deletes records that were left over: of a node that has left, or of a lease that has closed.
 */
export class Walk {
  readonly #context: Context
  #part = 0
  #after = ''
  #isFirst = true
  #beganUnixMs = 0
  /** `foreignCommits` when the last walk began; -1 before the first one. */
  #foreign = -1

  constructor(context: Context) {
    this.#context = context
  }

  /** Reads on. @returns when to call it again */
  async step(): Promise<number> {
    const { store, clock, nodeLostAfterMs } = this.#context
    if (this.#part === 0 && this.#after === '') {
      const foreign = await store.foreignCommits()
      this.#beganUnixMs = clock.nowUnixMs()
      if (foreign === this.#foreign) return this.#beganUnixMs + nodeLostAfterMs
      this.#foreign = foreign
    }
    const { prefix, belongsTo } = PARTS[this.#part]!
    const page = await store.page(prefix, this.#after, PAGE_ENTRIES)
    if (belongsTo !== null) {
      for (const { key } of page) await this.#deleteLeftover(key, belongsTo + key.slice(prefix.length))
    }
    const isLast = page.length < PAGE_ENTRIES
    this.#after = isLast ? '' : page.at(-1)!.key
    if (isLast) this.#part = (this.#part + 1) % PARTS.length
    if (this.#part === 0 && isLast) {
      this.#isFirst = false
      return Math.max(clock.nowUnixMs(), this.#beganUnixMs + nodeLostAfterMs)
    }
    return isLast || this.#isFirst ? clock.nowUnixMs() : clock.nowUnixMs() + PAGE_PAUSE_MS
  }

  async #deleteLeftover(key: string, owner: string): Promise<void> {
    const { store } = this.#context
    // The indexes have all owners by now; the store decides.
    const isKnown = owner.startsWith(NODES)
      ? store.knownNode(owner.slice(NODES.length)) !== null
      : store.leases.get(owner.slice(OPEN_LEASES.length)) !== null
    if (isKnown) return
    await transact(store, async (transaction) => {
      if ((await transaction.get(owner)) === null) transaction.set(key, null)
    })
  }
}
