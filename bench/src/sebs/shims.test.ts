import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const require = createRequire(import.meta.url)

test('storage keeps what is uploaded under a key of its own, and gives it back', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'rfaas-sebs-'))
  t.after(() => rm(root, { recursive: true }))
  process.env['SEBS_STORAGE'] = root
  const { storage } = require('./shims/storage.cjs')
  const one = new storage()
  assert.equal(storage.get_instance(), storage.get_instance())

  await writeFile(join(root, 'mine.txt'), 'words')
  const [key, uploaded] = one.upload('bucket', 'out/a.txt', join(root, 'mine.txt'))
  await uploaded
  assert.match(key, /^out\/a\.[0-9a-f]{8}\.txt$/)
  assert.equal(await text(await one.downloadStream('bucket', key)), 'words')

  const [stream, written, other] = one.uploadStream('bucket', 'out/a.txt')
  stream.end('more')
  await written
  assert.notEqual(other, key)
  await one.download('bucket', other, join(root, 'back.txt'))
  assert.equal(await readFile(join(root, 'back.txt'), 'utf8'), 'more')

  await mkdir(join(root, 'here'))
  await one.downloadDirectory('bucket', 'out', join(root, 'here'))
  assert.equal(await readFile(join(root, 'here', key), 'utf8'), 'words')
  await assert.rejects(one.downloadDirectory('bucket', 'none', root), { code: 'ENOENT' })
})

test('nosql finds items by both keys, and all of one primary key', async () => {
  const { nosql } = require('./shims/nosql.cjs')
  const one = nosql.get_instance()
  assert.equal(nosql.get_instance(), one)
  await one.insert('t', ['p', 1], ['s', 'a'], { x: 1 })
  await one.insert('t', ['p', 1], ['s', 'b'], { x: 2 })
  await one.update('t', ['p', 1], ['s', 'b'], { y: 3 })
  assert.deepEqual(await one.get('t', ['p', 1], ['s', 'b']), { x: 2, y: 3, p: 1, s: 'b' })
  assert.deepEqual(
    (await one.query('t', ['p', 1], 's')).map(({ s }: { s: string }) => s),
    ['a', 'b'],
  )
  await one.delete('t', ['p', 1], ['s', 'a'])
  assert.equal(await one.get('t', ['p', 1], ['s', 'a']), undefined)
  assert.deepEqual(await one.query('t', ['p', 2], 's'), [])
})
