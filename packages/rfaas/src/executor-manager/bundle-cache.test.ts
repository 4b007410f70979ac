import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { encodeManifest, manifestName } from '../control/bundle-manifest.ts'
import { BUNDLE_BYTES_MAX } from '../control/limits.ts'
import { BUNDLE_SPARE_MS, BUNDLE_UPLOAD_IDLE_MS } from './limits.ts'
import { BundleCache } from './bundle-cache.ts'
import { TestClock } from '../test-clock.ts'

describe('BundleCache', () => {
  let base: string
  let count = 0
  before(async () => void (base = await mkdtemp(join(tmpdir(), 'rfaas-cache-'))))
  after(() => rm(base, { recursive: true }))

  async function setUp(sizeBytesMax?: number) {
    const folder = join(base, `${count++}`, 'made', 'here')
    const clock = new TestClock()
    const options = sizeBytesMax === undefined ? { folder, clock } : { folder, clock, sizeBytesMax }
    return { folder, clock, cache: await BundleCache.open(options) }
  }

  function code(text: string): { sha256: string; bytes: Buffer } {
    const bytes = Buffer.from(text)
    return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes }
  }

  it('holds what was put, for the next node on the same folder too, and leaves no drafts', async () => {
    const { folder, clock, cache } = await setUp()
    const { sha256, bytes } = code('export const one = 1')
    assert.equal(await cache.has(sha256), false)
    await Promise.all([cache.put(sha256, bytes), cache.put(sha256, bytes), cache.put(sha256, bytes)])
    const next = await BundleCache.open({ folder, clock })
    assert.equal(await next.has(sha256), true)
    const pinned = await next.pin(sha256)
    assert.deepEqual(await readFile(pinned.path), bytes)
    pinned.release()
    assert.deepEqual(await readdir(folder), [`${sha256}.mjs`])
  })

  it('refuses code that is not what its name says, names that are paths, and code that is too large', async () => {
    const { folder, cache } = await setUp()
    const { sha256 } = code('a')
    await assert.rejects(cache.put(sha256, code('b').bytes), {
      code: 'invalid_argument',
      message: `invalid_argument: Cannot take bundle ${sha256}: the SHA-256 of its code is ${code('b').sha256}`,
    })
    for (const name of ['', '../escape', sha256.toUpperCase(), `${sha256}0`, `${sha256}\n`]) {
      await assert.rejects(cache.has(name), { code: 'invalid_argument' })
      await assert.rejects(cache.pin(name), { code: 'invalid_argument' })
    }
    await assert.rejects(cache.put(sha256, new Uint8Array(BUNDLE_BYTES_MAX + 1)), { code: 'invalid_argument' })
    assert.deepEqual(await readdir(folder), [])
  })

  it('takes a damaged bundle for absent, and takes it anew', async () => {
    const { folder, cache } = await setUp()
    const { sha256, bytes } = code('whole')
    await cache.put(sha256, bytes)
    await writeFile(join(folder, `${sha256}.mjs`), 'who')
    await assert.rejects(cache.pin(sha256), { code: 'not_found' })
    assert.equal(await cache.has(sha256), false)
    await cache.put(sha256, bytes)
    assert.equal(await cache.has(sha256), true)
  })

  it('makes room: the least recently used goes first', async () => {
    const { clock, cache } = await setUp(10)
    const [first, second, third] = [code('1111'), code('2222'), code('3333')]
    await cache.put(first.sha256, first.bytes)
    clock.advance(1000)
    await cache.put(second.sha256, second.bytes)
    clock.advance(1000)
    assert.equal(await cache.has(first.sha256), true)
    clock.advance(BUNDLE_SPARE_MS)
    await cache.put(third.sha256, third.bytes)
    assert.equal(await cache.has(second.sha256), false)
    assert.equal(await cache.has(first.sha256), true)
    assert.equal(await cache.has(third.sha256), true)
  })

  it('spares what was used just now, and refuses what then does not fit', async () => {
    const { clock, cache } = await setUp(10)
    const [first, second] = [code('111111'), code('22222')]
    await cache.put(first.sha256, first.bytes)
    await assert.rejects(cache.put(second.sha256, second.bytes), {
      code: 'lease_denied',
      message: `lease_denied: Cannot keep bundle ${second.sha256}: 5 bytes more than the 6 in use do not fit into 10`,
    })
    clock.advance(BUNDLE_SPARE_MS)
    await cache.put(second.sha256, second.bytes)
    assert.equal(await cache.has(first.sha256), false)
  })

  it('keeps a pinned bundle from eviction here and, by its marks, by another node on the folder', async () => {
    const { folder, clock, cache } = await setUp(10)
    const other = await BundleCache.open({ folder, clock, sizeBytesMax: 10 })
    const [pinned, wanted] = [code('pinned'), code('wanted')]
    await cache.put(pinned.sha256, pinned.bytes)
    const pins = [await cache.pin(pinned.sha256), await cache.pin(pinned.sha256)]
    pins[0]!.release()
    pins[0]!.release()
    clock.advance(3 * BUNDLE_SPARE_MS)
    await assert.rejects(cache.put(wanted.sha256, wanted.bytes), { code: 'lease_denied' })
    // The other node knows nothing of the pin; it sees the mark of the last minute.
    await assert.rejects(other.put(wanted.sha256, wanted.bytes), { code: 'lease_denied' })
    pins[1]!.release()
    assert.equal(clock.timerCount, 0)
    clock.advance(3 * BUNDLE_SPARE_MS)
    await other.put(wanted.sha256, wanted.bytes)
    assert.equal(await cache.has(pinned.sha256), false)
  })

  /** A packed bundle of these files, by path in it; the module is `export {}`. */
  function packed(contents: Record<string, string>, links: { path: string; target: string }[] = []) {
    const all = Object.entries({ 'module.mjs': 'export {}', ...contents })
    const files = all.map(([path, text]) => ({
      path,
      sizeBytes: Buffer.byteLength(text),
      sha256: code(text).sha256,
      isExecutable: path.endsWith('.sh'),
    }))
    const manifest = encodeManifest({ files, links })
    return { sha256: manifestName(manifest), manifest, bytes: Buffer.from(all.map(([, text]) => text).join('')) }
  }

  const TOOL = { 'files/lib/a.txt': 'contents of a', 'files/run.sh': '#!/bin/sh', 'files/empty': '' }

  it('unpacks a packed bundle that arrives in slices, with its links, for several lessees at once', async () => {
    const { folder, cache } = await setUp()
    const { sha256, manifest, bytes } = packed(TOOL, [{ path: 'files/x/link', target: 'files/lib' }])
    assert.equal(await cache.has(sha256), false)
    const sent = ['one', 'two'].map(async (owner) => {
      assert.equal(await cache.begin(owner, sha256, manifest), false)
      for (let at = 0; at < bytes.length; at += 7) {
        const slice = bytes.subarray(at, at + 7)
        assert.equal(await cache.append(owner, sha256, at, slice), at + slice.length === bytes.length)
      }
    })
    await Promise.all(sent)
    assert.deepEqual(await readdir(folder), [`${sha256}.folder`])
    assert.equal(await cache.begin('three', sha256, manifest), true)
    const pinned = await cache.pin(sha256)
    assert.equal(await readFile(pinned.path, 'utf8'), 'export {}')
    const files = join(dirname(pinned.path), 'files')
    assert.equal(await readFile(join(files, 'x/link/a.txt'), 'utf8'), 'contents of a')
    assert.equal((await stat(join(files, 'run.sh'))).mode & 0o777, 0o500)
    assert.equal((await stat(join(files, 'empty'))).size, 0)
    pinned.release()
  })

  it('verifies a packed bundle each time it is used, and takes a damaged one for absent', async () => {
    const { folder, clock, cache } = await setUp()
    const { sha256, manifest, bytes } = packed(TOOL, [{ path: 'files/x/link', target: 'files/lib' }])
    const place = join(folder, `${sha256}.folder`)
    const send = async (): Promise<void> => {
      await cache.begin('me', sha256, manifest)
      assert.equal(await cache.append('me', sha256, 0, bytes), true)
    }
    const times = new Date(1e12)
    for (const damage of [
      // Of the same size and with the same time of modification.
      async () => {
        await chmod(join(place, 'files/lib/a.txt'), 0o600)
        await writeFile(join(place, 'files/lib/a.txt'), 'contents of b')
        await utimes(join(place, 'files/lib/a.txt'), times, times)
      },
      () => rm(join(place, 'files/empty')),
      () => writeFile(join(place, 'files/lib/index.js'), 'something to be loaded instead'),
      () => rm(join(place, 'files/x/link')),
      () => writeFile(join(place, 'manifest.json'), '{}', { flag: 'w' }).catch(() => rm(join(place, 'manifest.json'))),
    ]) {
      await send()
      await utimes(join(place, 'files/lib/a.txt'), times, times)
      assert.equal(await cache.has(sha256), true)
      await damage()
      assert.equal(await cache.has(sha256), false, String(damage))
      await assert.rejects(cache.pin(sha256), { code: 'not_found' })
      assert.deepEqual(await readdir(folder), [])
    }
    await send()
    assert.equal(await (await BundleCache.open({ folder, clock })).has(sha256), true)
  })

  it('leaves a packed bundle that functions have changed to those who still run from it, and gives it to nobody else', async () => {
    const { folder, cache } = await setUp()
    const { sha256, manifest, bytes } = packed(TOOL)
    await cache.begin('me', sha256, manifest)
    await cache.append('me', sha256, 0, bytes)
    const pinned = await cache.pin(sha256)
    await writeFile(join(dirname(pinned.path), 'files/written'), '')
    await assert.rejects(cache.pin(sha256), { code: 'lease_denied', message: /functions that still run have changed/ })
    await assert.rejects(cache.begin('me', sha256, manifest), { code: 'lease_denied' })
    assert.equal(await readFile(pinned.path, 'utf8'), 'export {}')
    pinned.release()
    await assert.rejects(cache.pin(sha256), { code: 'not_found' })
    assert.deepEqual(await readdir(folder), [])
  })

  it('refuses contents that are not those of the manifest, and keeps nothing of them', async () => {
    const { folder, clock, cache } = await setUp()
    const { sha256, manifest, bytes } = packed(TOOL)
    await assert.rejects(cache.begin('me', code('x').sha256, manifest), { code: 'invalid_argument' })
    await assert.rejects(cache.begin('me', '../escape', manifest), { code: 'invalid_argument' })
    await assert.rejects(cache.append('me', sha256, 0, bytes), { message: /from byte 0 arrived, its manifest is next/ })
    await cache.begin('me', sha256, manifest)
    await assert.rejects(cache.append('me', sha256, 3, bytes), { message: /from byte 3 arrived, byte 0 is next/ })
    await assert.rejects(cache.append('other', sha256, 0, bytes), { code: 'invalid_argument' })
    const wrong = Buffer.from(bytes)
    wrong[20] = wrong[20]! ^ 1
    await assert.rejects(cache.append('me', sha256, 0, wrong), { message: /the SHA-256 of files\/lib\/a.txt is / })
    assert.deepEqual(await readdir(folder), [])
    await cache.begin('me', sha256, manifest)
    await assert.rejects(cache.append('me', sha256, 0, Buffer.concat([bytes, bytes])), { message: /more than the / })
    // One that is not continued is forgotten, and another one of the same lease ends it.
    await cache.begin('me', sha256, manifest)
    const second = packed({ 'files/b': 'b' })
    await cache.begin('me', second.sha256, second.manifest)
    assert.equal((await readdir(folder)).length, 1)
    await cache.append('me', second.sha256, 0, second.bytes.subarray(0, 2))
    clock.advance(BUNDLE_UPLOAD_IDLE_MS)
    await cache.close()
    assert.deepEqual(await readdir(folder), [])
    assert.equal(clock.timerCount, 0)
  })

  it('takes packed bundles of up to half its size, and evicts them like others', async () => {
    const { folder, clock, cache } = await setUp(4000)
    const big = packed({ 'files/node_modules/@it/big/data': 'x'.repeat(2000) })
    await assert.rejects(cache.begin('me', big.sha256, big.manifest), {
      code: 'module_failed',
      message: `module_failed: Cannot take bundle: it has 2009 bytes in 2 files, of which 2000 are of @it/big; this node takes 2000, half of its cache; raise that with --cache-max (cacheBytesMax) where the node is started`,
    })
    const bundles = ['a', 'b', 'c'].map((letter) => packed({ 'files/data': letter.repeat(1500) }))
    for (const { sha256, manifest, bytes } of bundles) {
      clock.advance(BUNDLE_SPARE_MS)
      await cache.begin('me', sha256, manifest)
      await cache.append('me', sha256, 0, bytes)
    }
    const kept = bundles.slice(1).map(({ sha256 }) => `${sha256}.folder`)
    assert.deepEqual((await readdir(folder)).sort(), kept.sort())
  })
})
