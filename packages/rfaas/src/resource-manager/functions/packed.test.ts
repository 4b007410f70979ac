/** Bundles that bring packages and files are deployed packed. */
import { strict as assert } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'

import { DEPLOYED_BYTES_MAX, FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { testPacked } from '../../control/test-packed.ts'
import { SLICES_REMOVED_AT_ONCE } from '../limits.ts'
import { TestManager } from '../test-manager.ts'
import { deployAll, formOf, functions, newId, readAll, upload } from './test-deploy.ts'

const folder = mkdtempSync(join(tmpdir(), 'rfaas-packed-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = (): string => join(folder, `${++files}.db`)

/** Keys of the store that have or had to do with bytes. */
function keysIn(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true })
  const rows = database.prepare('SELECT key FROM entries').all() as { key: string }[]
  database.close()
  return rows.map(({ key }) => key).filter((key) => /^(?:bundles|slices|uploads|dropped)\//.test(key))
}

describe('packed bundles of deployed functions', () => {
  test('are kept as they were sent, once, and counted with all of their bytes', async () => {
    const { form, bytes } = testPacked([Buffer.from('code'), randomBytes(2 * FUNCTIONS_SLICE_BYTES)])
    await using manager = await TestManager.start({ functionsBytesMax: form.bytes + 10 })
    assert.deepEqual(await deployAll(manager, 'model', bytes, form), [1, true])
    assert.deepEqual(await deployAll(manager, 'model', bytes, form), [1, false])
    const { sha256, bytes: size, manifestBytes } = (await manager.rpc.findFunctions({ name: 'model' })).functions!
    assert.deepEqual({ sha256, bytes: size, manifestBytes }, form)
    assert.deepEqual(await readAll(manager, form.sha256, form.bytes), Buffer.from(bytes))
    // A module fits beside it only in so many bytes.
    await assert.rejects(deployAll(manager, 'other', Buffer.alloc(11)), { code: 'registry_full' })
    assert.deepEqual(await deployAll(manager, 'other', Buffer.alloc(10, 'x')), [1, true])
    assert.deepEqual(await deployAll(manager, 'model', Buffer.alloc(10, 'x')), [2, true])
  })

  test('are refused with the file whose bytes are others, and then take no room', async () => {
    const path = newPath()
    await using manager = await TestManager.start({ dataPath: path })
    const { form, bytes } = testPacked([Buffer.from('code'), randomBytes(30), randomBytes(FUNCTIONS_SLICE_BYTES)])
    const tryWith = async (change: (bytes: Uint8Array) => void): Promise<never> => {
      const spoiled = bytes.slice()
      change(spoiled)
      const uploadId = await upload(manager, spoiled)
      await manager.rpc.deployFunctions({ name: 'model', ...form, functions, uploadId })
      return assert.fail('it was deployed')
    }
    for (const [place, reason] of [
      [2, /of its manifest is/],
      [form.manifestBytes, /of module\.mjs is/],
      [form.manifestBytes + 5, /of files\/1 is/],
      [form.bytes - 1, /of files\/2 is/],
    ] as const) {
      const refused = tryWith((spoiled) => void (spoiled[place]! ^= 1))
      await assert.rejects(refused, { code: 'invalid_argument', message: reason })
    }
    assert.deepEqual(keysIn(path), [])
  })

  test('have paths only inside of their folder, and one form', async () => {
    await using manager = await TestManager.start()
    const hostile = JSON.stringify({ format: 1, files: [['../x', 1, 'a'.repeat(64), 0]], links: [] })
    const code = Buffer.from(`${hostile}1`)
    const form = { ...formOf(Buffer.from(hostile)), bytes: code.length, manifestBytes: hostile.length }
    await assert.rejects(deployAll(manager, 'x', code, form), { code: 'invalid_argument', message: /not inside/ })
    const packed = testPacked([Buffer.from('code')])
    await deployAll(manager, 'text', packed.manifest)
    await assert.rejects(deployAll(manager, 'x', packed.bytes, packed.form), {
      code: 'invalid_argument',
      message: /that is here has \d+ bytes of which 0 are a manifest/,
    })
    const large = { ...packed.form, bytes: DEPLOYED_BYTES_MAX + 1 }
    await assert.rejects(deployAll(manager, 'x', packed.bytes, large), { message: /must have \d+ .* to 536870912/ })
  })

  test('are gone from the store when undeploy has returned, whatever their size', async () => {
    const path = newPath()
    await using manager = await TestManager.start({ dataPath: path })
    const { form, bytes } = testPacked([
      Buffer.from('code'),
      randomBytes((2 * SLICES_REMOVED_AT_ONCE + 1) * FUNCTIONS_SLICE_BYTES),
    ])
    await deployAll(manager, 'model', bytes, form)
    assert.ok(keysIn(path).length > 2 * SLICES_REMOVED_AT_ONCE)
    const read = manager.rpc.readFunctions({ sha256: form.sha256, offset: 0 })
    await Promise.all([read, manager.rpc.undeployFunctions({ name: 'model' })])
    assert.deepEqual(keysIn(path), [])
    await assert.rejects(readAll(manager, form.sha256, form.bytes), { code: 'not_found' })
    assert.deepEqual(await deployAll(manager, 'model', bytes, form), [2, true])
  })

  test('what a manager that has ended did not remove is removed with the next that is', async () => {
    const path = newPath()
    await using manager = await TestManager.start({ dataPath: path })
    await deployAll(manager, 'small', Buffer.from('x'))
    const left = await upload(manager, randomBytes(3 * FUNCTIONS_SLICE_BYTES))
    const database = new DatabaseSync(path)
    database.exec(`UPDATE entries SET key = 'dropped/${left}' WHERE key = 'uploads/${left}'`)
    database.close()
    await manager.restart()
    await manager.rpc.undeployFunctions({ name: 'small' })
    assert.deepEqual(keysIn(path), [])
    await upload(manager, Buffer.from('x'), newId())
  })
})
