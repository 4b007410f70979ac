import { strict as assert } from 'node:assert'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { SqliteStore } from './sqlite-store.ts'
import { storeConformance } from './store-conformance.ts'

const folder = mkdtempSync(join(tmpdir(), 'rfaas-store-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = (): string => join(folder, `${++files}`, 'manager.db')

storeConformance('SqliteStore', () => new SqliteStore(newPath()))

const put = (store: SqliteStore, key: string, value: string, revision?: number): Promise<boolean> =>
  store.commit({
    conditions: new Map(revision === undefined ? [] : [[key, revision]]),
    changes: new Map([[key, value]]),
  })

describe('SqliteStore', () => {
  test('what was committed is there when the file is opened again, under the same revisions', async () => {
    const path = newPath()
    const first = new SqliteStore(path)
    await put(first, 'a', 'one')
    await put(first, 'b', 'two')
    const before = await first.list('')
    await first.close()
    const second = new SqliteStore(path)
    assert.deepEqual(await second.list(''), before)
    await put(second, 'c', 'three')
    assert.ok((await second.get('c'))!.revision > before[1]!.revision)
    await second.close()
  })

  test('two managers on one file see each other, and of two that read the same one commits', async () => {
    const path = newPath()
    const [first, second] = [new SqliteStore(path), new SqliteStore(path)]
    await put(first, 'a', 'one')
    const { revision } = (await second.get('a'))!
    assert.equal(await put(first, 'a', 'first', revision), true)
    assert.equal(await put(second, 'a', 'second', revision), false)
    assert.equal((await second.get('a'))?.value, 'first')
    await first.close()
    await second.close()
  })

  test('only its owner can read its files, which hold the signing key', async () => {
    const path = newPath()
    const store = new SqliteStore(path)
    await put(store, 'a', 'one')
    const modes = readdirSync(join(path, '..')).map((name) => statSync(join(path, '..', name)).mode & 0o777)
    assert.ok(modes.length >= 2, 'the write-ahead log is there too')
    assert.deepEqual(new Set(modes), new Set([0o600]))
    await store.close()
  })

  test('a file whose bundles were all modules is converted, once', async () => {
    const path = newPath()
    const first = new SqliteStore(path)
    const bundle = { bytes: 5, uploadId: 'a', references: 1, functions: [] }
    await put(first, 'bundles/x', JSON.stringify(bundle))
    await put(first, 'bundles0', 'no bundle')
    await put(first, 'uploads/a', JSON.stringify({ beganUnixMs: 7, bytes: 5 }))
    await first.close()
    const database = new DatabaseSync(path)
    database.exec('PRAGMA user_version = 2')
    database.close()
    for (let opened = 1; opened <= 2; opened++) {
      const store = new SqliteStore(path)
      assert.deepEqual(JSON.parse((await store.get('bundles/x'))!.value), { ...bundle, manifestBytes: 0 })
      assert.equal((await store.get('bundles0'))!.value, 'no bundle')
      assert.match((await store.get('uploads/a'))!.value, /"latestUnixMs":7/)
      await store.close()
    }
  })

  test('what is no database of ours is refused in a sentence that names the path, and left alone', () => {
    const text = newPath()
    new SqliteStore(text).close().catch(() => {})
    writeFileSync(text, 'not a database, but long enough to be read as the header of one'.repeat(10))
    assert.throws(() => new SqliteStore(text), {
      code: 'invalid_argument',
      message: new RegExp(`${text}: file is not a d`),
    })
    assert.throws(() => new SqliteStore(folder), { code: 'invalid_argument', message: /Cannot keep data in / })

    const other = join(folder, 'other.db')
    const database = new DatabaseSync(other)
    database.exec('CREATE TABLE t (x)')
    assert.throws(() => new SqliteStore(other), /the database of another program/)
    database.exec('PRAGMA application_id = 0x72466161; PRAGMA user_version = 99')
    assert.throws(() => new SqliteStore(other), /it has format 99, this rfaas reads 3/)
    assert.equal(Object.values(database.prepare('PRAGMA journal_mode').get()!)[0], 'delete')
    database.close()
  })
})
