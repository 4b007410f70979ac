import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { BUNDLE_BYTES_MAX } from '../control/limits.ts'
import { BUNDLE_SPARE_MS } from './limits.ts'
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
})
