/** Arguments and results that are larger than a slot. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { Lease, LeaseOptions } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import type * as Functions from './harness/large-functions.ts'

const MIB = 2 ** 20
const functions = new URL('./harness/large-functions.ts', import.meta.url)

describe('a value that is larger than a slot', () => {
  const here = embedded()
  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    here.cluster.lease<typeof Functions>({ functions, ...options })

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}: goes as an argument and comes as a result, typed and raw, awaited and not`, async () => {
      await using workers = await lease({ fabric })
      const photograph = pattern(2.2 * MIB, 0)
      const negative = inverted(photograph)
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(await workers.call.measure(photograph, 'last'), [photograph.length, photograph.at(-1)])
        assertSame(await workers.call.grow(3 * MIB, 7), Buffer.alloc(3 * MIB, 7))
        const text = 'é∀x'.repeat(MIB / 2)
        assert.ok((await workers.call.same(text)) === text)
        // V8's format.
        const table = await workers.call.same(new Map([['photograph', photograph]]))
        assertSame((table as Map<string, Uint8Array>).get('photograph')!, photograph)
        for (const name of ['invert', 'invertLater'] as const)
          assertSame(await workers.call[name](photograph), negative)
        assertSame(workers.callSync.same(photograph) as Uint8Array, photograph)
        assert.equal(workers.callSync.count('x'), 1 + round)
      }
    })

    test(`over ${fabric}: many at once, also behind each other, and small ones between them, each once`, async () => {
      await using workers = await lease({ fabric, cores: 2, slots: 4 })
      const sent = Array.from({ length: 12 }, (_, i) => pattern(i % 3 === 0 ? 100 : 1.1 * MIB, i))
      const same = workers.map.sameOnce(sent)
      const later = Promise.all(sent.map((bytes) => workers.call.invertLater(bytes)))
      const grown = workers.map.grow.spread(sent.map(({ length }, i) => [2 * length, i]))
      for (const [i, bytes] of (await same).entries()) assertSame(bytes, sent[i]!)
      for (const [i, bytes] of (await grown).entries()) assertSame(bytes, Buffer.alloc(2 * sent[i]!.length, i))
      for (const [i, bytes] of (await later).entries()) assertSame(bytes, inverted(sent[i]!))
      const { usage } = await workers.release()
      assert.equal(usage.invocations, 3 * sent.length)
    })
  }

  test('is refused beyond the memory of the lease, or beyond payloadBytesMax; the function runs at most once', async () => {
    await using small = await lease({ memoryMib: 16 })
    const [argument, result] = [error('payload_too_large', /raise `memoryMib`/), error('result_too_large', /memoryMib/)]
    await assert.rejects(small.call.same(new Uint8Array(9 * MIB)), argument)
    assert.throws(() => small.callSync.same(new Uint8Array(9 * MIB)), argument)
    await assert.rejects(small.call.growOnce('a', 9 * MIB), result)
    assert.equal((await small.call.growOnce('b', 7 * MIB)).length, 7 * MIB)
    assert.deepEqual(await small.call.grown(), ['a', 'b'])
    await assert.rejects(
      small.call.overflow(new Uint8Array(8)),
      error('result_too_large', /1048577 bytes, there is room for 1048576/),
    )
    await using bounded = await lease({ payloadBytesMax: MIB })
    const byOption = /payloadBytesMax is 1048576/
    await assert.rejects(bounded.call.same(new Uint8Array(2 * MIB)), error('payload_too_large', byOption))
    await assert.rejects(bounded.call.grow(2 * MIB, 1), error('result_too_large', byOption))
  })

  test('a call that is given up while it waits until its argument can be sent does not run', async () => {
    await using workers = await lease()
    const held = workers.call.hold(new Uint8Array(2 * MIB))
    const abort = new AbortController()
    const given = workers.with({ signal: abort.signal }).call.growOnce('given up', 1, new Uint8Array(2 * MIB))
    const kept = workers.call.growOnce('kept', 1, new Uint8Array(2 * MIB))
    abort.abort()
    await assert.rejects(given, { code: 'aborted', outcome: 'not_run' })
    await workers.call.open()
    await Promise.all([held, kept])
    assert.deepEqual(await workers.call.grown(), ['kept'])
  })
})

function pattern(bytes: number, seed: number): Buffer {
  const block = Uint8Array.from({ length: 1009 }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24)
  return Buffer.alloc(bytes).fill(block)
}

function inverted(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => ~byte)
}

/** As `deepEqual`, which takes a second for some megabytes. */
function assertSame(bytes: Uint8Array, expected: Uint8Array): void {
  assert.ok(Buffer.compare(bytes, expected) === 0, `${bytes.length} bytes are not the ${expected.length} expected`)
}
