import { strict as assert } from 'node:assert'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { BUNDLE_BYTES_MAX, FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { FUNCTIONS_UPLOAD_PAUSE_MS_MAX, FUNCTIONS_UPLOADS_MAX } from '../limits.ts'
import { TestManager } from '../test-manager.ts'
import { deployAll, digest, formOf, functions, newId, readAll, upload } from './test-deploy.ts'

const folder = mkdtempSync(join(tmpdir(), 'rfaas-functions-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0

const deploy = ({ rpc }: TestManager, name: string, code: Uint8Array, uploadId = '') =>
  rpc.deployFunctions({ name, ...formOf(code), functions, uploadId })

for (const [storeName, options] of [
  ['in memory', () => ({})],
  ['in a SQLite file', () => ({ dataPath: join(folder, `${++files}.db`) })],
] as const) {
  describe(`deployed functions, ${storeName}`, () => {
    test('versions count from 1; the same bytes again are the same version, older bytes a new one', async () => {
      await using manager = await TestManager.start(options())
      const [first, second] = [randomBytes(2 * FUNCTIONS_SLICE_BYTES + 5), Buffer.from('export const f = 1')]
      assert.deepEqual(await deployAll(manager, 'pricing', first), [1, true])
      assert.deepEqual(await deployAll(manager, 'pricing', first), [1, false])
      assert.deepEqual(await deployAll(manager, 'pricing', second), [2, true])
      // Not uploaded again.
      assert.equal((await deploy(manager, 'pricing', first)).functions?.version, 3)
      assert.equal((await deploy(manager, 'other', second)).functions?.version, 1)
      const found = (await manager.rpc.findFunctions({ name: 'pricing' })).functions!
      assert.deepEqual([found.version, found.sha256, found.bytes], [3, digest(first), first.length])
      assert.deepEqual(found.functions.map(({ name, raw }) => ({ name, raw })), functions) // prettier-ignore
      assert.equal((await manager.rpc.findFunctions({ name: 'pricing', version: 2 })).functions!.sha256, digest(second))
      assert.deepEqual(await readAll(manager, digest(first), first.length), first)
      const all = (await manager.rpc.listFunctions({})).functions.map(({ name, version }) => `${name}@${version}`)
      assert.deepEqual(all, ['other@1', 'pricing@1', 'pricing@2', 'pricing@3'])
    })

    test('undeploy removes one version or all, and the bytes when no version has them; no number is given twice', async () => {
      await using manager = await TestManager.start(options())
      const { rpc } = manager
      const [first, second] = [Buffer.from('one'), Buffer.from('two')]
      await deployAll(manager, 'pricing', first)
      await deployAll(manager, 'pricing', second)
      await deployAll(manager, 'other', first)
      assert.equal((await rpc.undeployFunctions({ name: 'pricing', version: 2 })).functions.length, 1)
      await assert.rejects(readAll(manager, digest(second), 3), { code: 'not_found' })
      assert.equal((await rpc.findFunctions({ name: 'pricing' })).functions!.version, 1)
      await assert.rejects(rpc.findFunctions({ name: 'pricing', version: 2 }), {
        code: 'not_found',
        message: /Cannot find functions pricing@2: pricing has only the versions 1$/,
      })
      await rpc.undeployFunctions({ name: 'pricing' })
      assert.deepEqual(await readAll(manager, digest(first), 3), first)
      await rpc.undeployFunctions({ name: 'other' })
      await assert.rejects(readAll(manager, digest(first), 3), { code: 'not_found' })
      await assert.rejects(rpc.undeployFunctions({ name: 'other' }), { code: 'not_found', message: /no functions are/ })
      assert.deepEqual(await deployAll(manager, 'pricing', second), [3, true])
    })

    test('many deploy at once: each gets a version, and no reference to the bytes is lost', async () => {
      await using manager = await TestManager.start(options())
      const codes = Array.from({ length: 6 }, (_, index) => Buffer.from(`code ${index % 3}`))
      const deployed = await Promise.all(codes.map((code, index) => deployAll(manager, `n${index % 2}`, code)))
      assert.ok(deployed.every(([version]) => version >= 1 && version <= 3))
      for (const name of ['n0', 'n1']) await manager.rpc.undeployFunctions({ name })
      for (const code of codes) await assert.rejects(readAll(manager, digest(code), 6), { code: 'not_found' })
      assert.deepEqual((await manager.rpc.listFunctions({})).functions, [])
    })
  })
}

describe('deployed functions', () => {
  test('are there after a restart', async () => {
    await using manager = await TestManager.start({ dataPath: join(folder, 'restart.db') })
    const code = randomBytes(FUNCTIONS_SLICE_BYTES + 1)
    await deployAll(manager, 'pricing', code)
    await manager.restart()
    assert.deepEqual(await readAll(manager, digest(code), code.length), code)
    assert.deepEqual(await deployAll(manager, 'pricing', code), [1, false])
  })

  test('are bounded in all; what is removed makes room', async () => {
    await using manager = await TestManager.start({ functionsBytesMax: 1000 })
    await deployAll(manager, 'a', randomBytes(600))
    const large = randomBytes(500)
    const full = {
      code: 'registry_full',
      message: /500 bytes more than the 600 of those deployed do not fit into 1000; undeploy some/,
    }
    await assert.rejects(deploy(manager, 'b', large), full)
    await assert.rejects(upload(manager, large), full)
    await manager.rpc.undeployFunctions({ name: 'a' })
    assert.deepEqual(await deployAll(manager, 'b', large), [1, true])
  })

  test('an upload that is not what was announced is refused and removed', async () => {
    await using manager = await TestManager.start()
    const code = Buffer.from('as announced')
    const other = await upload(manager, Buffer.from('something el'))
    const wrong = { code: 'invalid_argument', message: /the SHA-256 of its bundle is [0-9a-f]{64}, not/ }
    await assert.rejects(deploy(manager, 'pricing', code, other), wrong)
    await assert.rejects(deploy(manager, 'pricing', code, other), { code: 'not_found', message: /begin it again/ })
    const half = await upload(manager, code.subarray(0, 4))
    await assert.rejects(deploy(manager, 'pricing', code, half), { message: /4 of 12 bytes have arrived/ })
  })

  test('a slice may come twice, but not out of order, nor into the bundle of another', async () => {
    await using manager = await TestManager.start()
    const { rpc } = manager
    const code = randomBytes(FUNCTIONS_SLICE_BYTES + 9)
    const id = newId()
    await assert.rejects(rpc.uploadFunctions({ uploadId: id, offset: FUNCTIONS_SLICE_BYTES, slice: code.subarray(0, 1) }), { code: 'not_found' }) // prettier-ignore
    const slice = code.subarray(0, FUNCTIONS_SLICE_BYTES)
    await rpc.uploadFunctions({ uploadId: id, offset: 0, slice })
    await rpc.uploadFunctions({ uploadId: id, offset: 0, slice })
    await assert.rejects(
      rpc.uploadFunctions({ uploadId: id, offset: 2 * FUNCTIONS_SLICE_BYTES, slice }),
      /have arrived/,
    )
    await upload(manager, code, id)
    await deploy(manager, 'pricing', code, id)
    await assert.rejects(upload(manager, Buffer.from('other'), id), { code: 'invalid_argument', message: /deployed already/ }) // prettier-ignore
    await assert.rejects(deploy(manager, 'pricing', code, id), { code: 'not_found' })
    assert.deepEqual(await readAll(manager, digest(code), code.length), code)
  })

  test('uploads are bounded; one that pauses too long makes room for others, a slow one goes on', async () => {
    await using manager = await TestManager.start()
    const begin = (): Promise<string> => upload(manager, Buffer.from('x'))
    const [slow, ...code] = [newId(), randomBytes(FUNCTIONS_SLICE_BYTES), randomBytes(9)]
    await upload(manager, code[0]!, slow)
    for (let i = 1; i < FUNCTIONS_UPLOADS_MAX; i++) await begin()
    await assert.rejects(begin(), { code: 'registry_full', message: /16 uploads are under way, at most 16 may be/ })
    manager.clock.advance(FUNCTIONS_UPLOAD_PAUSE_MS_MAX - 1)
    await manager.rpc.uploadFunctions({ uploadId: slow, offset: FUNCTIONS_SLICE_BYTES, slice: code[1]! })
    manager.clock.advance(1)
    await begin()
    const whole = Buffer.concat(code)
    assert.equal((await deploy(manager, 'slow', whole, slow)).isNew, true)
  })

  test('what makes no sense is refused with the value', async () => {
    await using manager = await TestManager.start()
    const { rpc } = manager
    const good = { name: 'pricing', sha256: 'a'.repeat(64), bytes: 1, functions }
    const wrong: [Partial<typeof good> & { uploadId?: string }, RegExp][] = [
      [{ name: 'pricing.ts' }, /the name must be a letter, then .* not "pricing.ts"/],
      [{ name: 'x'.repeat(65) }, /at most 64 characters/],
      [{ sha256: 'A'.repeat(64) }, /must be 64 lower-case hex digits/],
      [{ bytes: 0 }, /has 0 bytes/],
      [{ bytes: BUNDLE_BYTES_MAX + 1 }, /its bundle has 33554433 bytes, must have 1 to 33554432/],
      [{ functions: [] }, /it has 0 functions, must have 1 to 1000/],
      [{ functions: [{ name: 'a\nb', raw: false }] }, /a function is called "a\\nb"/],
      [{ functions: [{ name: 'x'.repeat(20_000), raw: false }] }, /have 20000 bytes, at most 16384/],
      [{ uploadId: '../x' }, /upload_id is "..\/x"/],
    ]
    for (const [change, message] of wrong) {
      await assert.rejects(rpc.deployFunctions({ ...good, ...change }), { code: 'invalid_argument', message })
    }
    const slice = Buffer.from('x')
    await assert.rejects(rpc.uploadFunctions({ uploadId: newId(), offset: 1, slice }), /not at a multiple of 786432/)
    await assert.rejects(rpc.uploadFunctions({ uploadId: newId(), offset: 0 }), /a slice has 0 bytes/)
    await assert.rejects(rpc.readFunctions({ sha256: 'a'.repeat(64), offset: 7 }), /offset is 7/)
  })
})
