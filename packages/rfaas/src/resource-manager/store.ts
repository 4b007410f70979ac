import { RfaasError } from '../errors.ts'
import { PAGE_ENTRIES, TRANSACTION_ATTEMPTS_MAX } from './limits.ts'
import { nextTurn } from './turns.ts'

/** A value with the revision of its last change. */
export interface Entry {
  readonly key: string
  readonly value: string
  readonly revision: number
}

/** Atomic: either all changes happen or none. */
export interface Commit {
  /** Keys with the revisions that they must still have; 0: the key must not exist. */
  readonly conditions: ReadonlyMap<string, number>
  /** Keys with their new values; null deletes. */
  readonly changes: ReadonlyMap<string, string | null>
}

/**
 * Persistent state of a resource manager: keys and values under revisions that grow with every commit, changed by
 * compare-and-set. etcd offers the same, so that several managers can share one store: a commit whose reads are out of
 * date is refused, and its transaction must read again.
 */
export interface Store {
  get(key: string): Promise<Entry | null>
  /** The entries whose keys begin with `prefix`, by key (in the order of UTF-16 code units for ASCII keys). */
  list(prefix: string): Promise<Entry[]>
  /** As `list`, but at most `limit` entries, and only those whose keys come after `after`; empty: from the first on. */
  page(prefix: string, after: string, limit: number): Promise<Entry[]>
  /** @returns false, with nothing changed, when a condition did not hold */
  commit(commit: Commit): Promise<boolean>
  /**
   * A number that changes when another user of the store has committed, and not with commits made here. While it stays
   * the same, everything that was read or committed here is up to date.
   */
  foreignCommits(): Promise<number>
  /** Idempotent. After it every call throws `closed`. */
  close(): Promise<void>
}

/** Reads from the store and gathers changes; {@link transact} commits them if nothing that was read has changed. */
export class Transaction {
  readonly #store: Store
  readonly #revisions = new Map<string, number>()
  readonly #conditions = new Map<string, number>()
  readonly #changes = new Map<string, string | null>()

  constructor(store: Store) {
    this.#store = store
  }

  /** The value, or null. The transaction fails if it changes before the commit. Sees changes made by `set`. */
  async get(key: string): Promise<string | null> {
    const change = this.#changes.get(key)
    if (change !== undefined) return change
    const entry = await this.#store.get(key)
    this.#require(key, entry?.revision ?? 0)
    return entry?.value ?? null
  }

  /**
   * Reads many entries, without changes made by `set`. A listed entry is a condition of the commit only when the
   * transaction sets it; to depend on the other entries, read them with `get`.
   */
  async list(prefix: string): Promise<Entry[]> {
    const entries = await this.#store.list(prefix)
    for (const { key, revision } of entries) if (!this.#revisions.has(key)) this.#revisions.set(key, revision)
    return entries
  }

  /** Reads keys without their values: nothing that is read becomes a condition. */
  async keys(prefix: string): Promise<string[]> {
    return (await this.#store.list(prefix)).map(({ key }) => key)
  }

  /** null deletes. */
  set(key: string, value: string | null): void {
    const revision = this.#revisions.get(key)
    if (revision !== undefined) this.#conditions.set(key, revision)
    this.#changes.set(key, value)
  }

  async commit(): Promise<boolean> {
    if (this.#changes.size === 0) return true
    return this.#store.commit({ conditions: this.#conditions, changes: this.#changes })
  }

  #require(key: string, revision: number): void {
    const known = this.#revisions.get(key)
    // If the key was read before with another revision, keep the older one: the commit must then fail, and does.
    if (known === undefined) this.#revisions.set(key, revision)
    this.#conditions.set(key, known ?? revision)
  }
}

/** Reads many entries page by page, with a turn of the event loop after each: not all from the same moment. */
export async function* readSlowly(store: Store, prefix: string): AsyncGenerator<Entry> {
  for (let after = ''; ;) {
    const page = await store.page(prefix, after, PAGE_ENTRIES)
    yield* page
    if (page.length < PAGE_ENTRIES) return
    after = page.at(-1)!.key
    await nextTurn()
  }
}

/**
 * Runs `body` until its transaction commits. It runs again whenever another transaction changed what it had read; the
 * other one has then made progress, so all together always do. What `body` throws is thrown, and nothing is changed.
 *
 * @throws {RfaasError} `internal` after TRANSACTION_ATTEMPTS_MAX attempts
 */
export async function transact<T>(store: Store, body: (transaction: Transaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; attempt <= TRANSACTION_ATTEMPTS_MAX; attempt++) {
    const transaction = new Transaction(store)
    const result = await body(transaction)
    if (await transaction.commit()) return result
  }
  throw new RfaasError(
    'internal',
    `Cannot commit: others changed the same records first, ${TRANSACTION_ATTEMPTS_MAX} times in a row`,
  )
}
