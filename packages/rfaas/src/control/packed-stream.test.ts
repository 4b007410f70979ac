import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'

import { BUNDLE_BYTES_MAX, BUNDLE_MANIFEST_BYTES_MAX, DEPLOYED_BYTES_MAX } from './limits.ts'
import { moduleSizeProblem, packedSizeProblem, PackedStream, type PackedForm } from './packed-stream.ts'
import { anyPacked, anyShares, divided, testPacked } from './test-packed.ts'

function readAll(form: PackedForm, parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array {
  const stream = new PackedStream(form)
  const contents = parts.map((part) => stream.write(part))
  stream.end()
  return Buffer.concat(contents)
}

describe('PackedStream', () => {
  it('divides manifest and contents, however they arrive', () => {
    fc.assert(
      fc.property(anyPacked, anyShares, ({ form, manifest, contents, bytes }, shares) => {
        const stream = new PackedStream(form)
        const arrived = divided(bytes, shares).map((part) => stream.write(part))
        stream.end()
        assert.deepEqual(Buffer.concat(arrived), Buffer.from(contents))
        assert.deepEqual(stream.manifest, manifest)
      }),
    )
  })

  it('refuses a byte that is another, wherever it is, and bytes that are missing', () => {
    fc.assert(
      fc.property(anyPacked, anyShares, fc.nat(), ({ form, bytes }, shares, place) => {
        const spoiled = bytes.slice()
        spoiled[place % bytes.byteLength]! ^= 1
        assert.throws(() => readAll(form, divided(spoiled, shares)), { code: 'invalid_argument' })
        const short = bytes.slice(0, place % bytes.byteLength)
        const missing = `${short.byteLength} of its ${form.bytes} bytes have arrived`
        assert.throws(() => readAll(form, divided(short, shares)), { message: new RegExp(missing) })
      }),
    )
  })

  it('refuses a manifest of other contents than were announced', () => {
    const { form, bytes } = testPacked([Buffer.from('code')])
    assert.throws(() => readAll({ ...form, bytes: form.bytes + 1 }, [bytes]), /have 4 bytes .*, 5 were announced/)
    const other = { ...form, sha256: 'a'.repeat(64) }
    assert.throws(() => readAll(other, [bytes]), /the SHA-256 of its manifest is [0-9a-f]{64}, not a{64}/)
  })
})

describe('sizes of a bundle that is announced', () => {
  it('are within the bounds, or refused with the figures', () => {
    assert.deepEqual([1, BUNDLE_BYTES_MAX].map(moduleSizeProblem), [null, null])
    assert.match(moduleSizeProblem(BUNDLE_BYTES_MAX + 1)!, /has 33554433 bytes, must have 1 to 33554432/)
    assert.equal(packedSizeProblem({ bytes: DEPLOYED_BYTES_MAX, manifestBytes: BUNDLE_MANIFEST_BYTES_MAX }), null)
    const large = { bytes: DEPLOYED_BYTES_MAX + 1, manifestBytes: 1 }
    assert.match(packedSizeProblem(large)!, /has 536870913 bytes, must have 1 .* to 536870912/)
    assert.match(packedSizeProblem({ bytes: 2, manifestBytes: 3 })!, /has 2 bytes, must have 3/)
    const manifest = { bytes: DEPLOYED_BYTES_MAX, manifestBytes: BUNDLE_MANIFEST_BYTES_MAX + 1 }
    assert.match(packedSizeProblem(manifest)!, /its manifest has 16777217 bytes/)
  })
})
