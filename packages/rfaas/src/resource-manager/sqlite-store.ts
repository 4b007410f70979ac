import { closeSync, openSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
// Importing node:sqlite prints an ExperimentalWarning: import this module only when a file is needed.
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { RfaasError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { closedAtKey, leaseOfKey, parseLease } from './records.ts'
import type { Commit, Entry, Store } from './store.ts'

/** `application_id` of our files, "rFaa": keeps another program's database from being taken for one of ours. */
const APPLICATION_ID = 0x72466161
/** `user_version`: raised whenever the tables or the records in them change. */
const FORMAT = 3
/** Formats that are converted when they are opened. */
const FORMAT_WITHOUT_LEASE_INDEXES = 1
const FORMAT_WITHOUT_PACKED_BUNDLES = 2
/** How long a commit waits for another process that is committing. */
const BUSY_TIMEOUT_MS = 5_000

const SCHEMA = `
  CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE revisions (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL) STRICT;
  INSERT INTO revisions VALUES (1, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`

/** By file, the store of this process that has the write lock: another one would wait for it in the same thread. */
const openGroups = new Map<string, SqliteStore>()

/**
 * A store in one SQLite file. What was committed survives the process and the machine (WAL, synchronous=FULL). The
 * file holds the signing key, so only its owner may read it. Commits of several processes are serialized.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #get: StatementSync
  readonly #list: StatementSync
  readonly #page: StatementSync
  readonly #dataVersion: StatementSync
  readonly #nextRevision: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  /** The commits of this turn; null: none. */
  #group: PromiseWithResolvers<void> | null = null
  #cancelGroup: NodeJS.Immediate | undefined

  /**
   * Opens the file, and creates it and its folder if missing.
   *
   * @throws {RfaasError} `invalid_argument` when there can be no database at `path`, or it is not one of ours
   */
  constructor(path: string) {
    this.#database = open(path)
    this.#path = realpathSync(path)
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql)
    this.#get = prepare('SELECT key, value, revision FROM entries WHERE key = ?')
    this.#list = prepare('SELECT key, value, revision FROM entries WHERE key >= ? AND key < ? ORDER BY key')
    this.#page = prepare(
      'SELECT key, value, revision FROM entries WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?',
    )
    this.#dataVersion = prepare('PRAGMA data_version')
    this.#nextRevision = prepare('UPDATE revisions SET last = last + 1 RETURNING last')
    this.#put = prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?)')
    this.#delete = prepare('DELETE FROM entries WHERE key = ?')
  }

  async get(key: string): Promise<Entry | null> {
    this.#checkOpen()
    return (this.#get.get(key) as Entry | undefined) ?? null
  }

  async list(prefix: string): Promise<Entry[]> {
    this.#checkOpen()
    return this.#list.all(prefix, `${prefix}\u{10ffff}`) as unknown as Entry[]
  }

  async page(prefix: string, after: string, limit: number): Promise<Entry[]> {
    this.#checkOpen()
    return this.#page.all(prefix, `${prefix}\u{10ffff}`, after, limit) as unknown as Entry[]
  }

  /** SQLite changes `data_version` when another connection has changed the file. */
  async foreignCommits(): Promise<number> {
    this.#checkOpen()
    return (this.#dataVersion.get() as { data_version: number }).data_version
  }

  /**
   * Group commit: what is committed in one turn of the event loop is written to the disk together, once. Each commit is
   * checked and applied at once, so that the next one, and every read, sees it; its promise waits for the disk.
   */
  async commit(commit: Commit): Promise<boolean> {
    this.#checkOpen()
    const group = (this.#group ??= this.#beginGroup())
    try {
      if (!this.#holds(commit)) return false
      this.#apply(commit)
    } catch (error) {
      // The statements of one commit cannot be undone alone.
      this.#endGroup(error)
      throw error
    }
    await group.promise
    return true
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return
    this.#endGroup()
    this.#database.close()
  }

  #beginGroup(): PromiseWithResolvers<void> {
    const other = openGroups.get(this.#path)
    if (other !== undefined) other.#endGroup()
    // IMMEDIATE: two transactions that begin with reads and then write would deadlock, and SQLite would fail one.
    this.#database.exec('BEGIN IMMEDIATE')
    openGroups.set(this.#path, this)
    const group = Promise.withResolvers<void>()
    // Nobody may wait for a group in which no commit succeeded.
    group.promise.catch(() => {})
    this.#cancelGroup = setImmediate(() => this.#endGroup())
    return group
  }

  /** @param failure rolls back instead */
  #endGroup(failure: unknown = null): void {
    const group = this.#group
    if (group === null) return
    clearImmediate(this.#cancelGroup)
    this.#group = null
    openGroups.delete(this.#path)
    try {
      if (failure !== null) throw failure
      this.#database.exec('COMMIT')
      group.resolve()
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      group.reject(error)
    }
  }

  #holds({ conditions }: Commit): boolean {
    for (const [key, revision] of conditions) {
      if (((this.#get.get(key) as Entry | undefined)?.revision ?? 0) !== revision) return false
    }
    return true
  }

  #apply({ changes }: Commit): void {
    const { last: revision } = this.#nextRevision.get() as { last: number }
    for (const [key, value] of changes) {
      if (value === null) this.#delete.run(key)
      else this.#put.run(key, value, revision)
    }
  }

  #checkOpen(): void {
    if (!this.#database.isOpen) throw new RfaasError('closed', 'Cannot use the store: it is closed')
  }
}

function open(path: string): DatabaseSync {
  let database: DatabaseSync | null = null
  try {
    makeFolder(dirname(path))
    // SQLite gives its additional files the mode of this one.
    closeSync(openSync(path, 'a', 0o600))
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
    database.exec('BEGIN IMMEDIATE')
    prepareSchema(database)
    // Only after the check that the file is ours: the journal mode is written into the file.
    database.exec('COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    return database
  } catch (error) {
    database?.close()
    throw new RfaasError('invalid_argument', `Cannot keep data in ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function prepareSchema(database: DatabaseSync): void {
  const pragma = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number }
  if (tables === 0) return database.exec(SCHEMA)
  if (pragma('application_id') !== APPLICATION_ID) throw new Error('it is the database of another program')
  const format = pragma('user_version')
  if (format === FORMAT) return
  if (format === FORMAT_WITHOUT_LEASE_INDEXES) addLeaseIndexes(database)
  else if (format !== FORMAT_WITHOUT_PACKED_BUNDLES)
    throw new Error(`it has format ${String(format)}, this rfaas reads ${FORMAT}`)
  addManifestBytes(database)
  database.exec(`PRAGMA user_version = ${FORMAT}`)
}

/** Adds the records by which leases are found by node and by time of closing; see records.ts. */
function addLeaseIndexes(database: DatabaseSync): void {
  const put = database.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?, ?)')
  const read = database.prepare("SELECT value, revision FROM entries WHERE key >= 'leases/' AND key < 'leases0'")
  for (const { value, revision } of read.all() as { value: string; revision: number }[]) {
    const lease = parseLease(value)
    put.run(lease.state === 'closed' ? closedAtKey(lease) : leaseOfKey(lease), '', revision)
  }
}

/** Bundles of deployed functions were modules; of their uploads the beginning was kept. */
function addManifestBytes(database: DatabaseSync): void {
  const bundle = `json_set(value, '$.manifestBytes', 0)`
  database.exec(`UPDATE entries SET value = ${bundle} WHERE key >= 'bundles/' AND key < 'bundles0'`)
  const upload = `json_set(value, '$.latestUnixMs', json_extract(value, '$.beganUnixMs'))`
  database.exec(`UPDATE entries SET value = ${upload} WHERE key >= 'uploads/' AND key < 'uploads0'`)
}
