import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'

import { BundleContents } from './bundle-contents.ts'
import { anyPacked, anyShares, divided, testPacked } from './test-packed.ts'

describe('BundleContents', () => {
  it('gives each file its bytes, however they arrive', () => {
    fc.assert(
      fc.property(anyPacked, anyShares, ({ content, contents }, shares) => {
        const seen: { path: string; bytes: number[]; isWhole: boolean }[] = []
        const reader = new BundleContents(content, {
          begin: ({ path }) => void seen.push({ path, bytes: [], isWhole: false }),
          take: (bytes) => void seen.at(-1)!.bytes.push(...bytes),
          end: ({ path }) => {
            assert.equal(seen.at(-1)!.path, path)
            seen.at(-1)!.isWhole = true
          },
        })
        for (const part of divided(contents, shares)) reader.write(part)
        assert.equal(reader.receivedBytes, reader.totalBytes)
        let at = 0
        const expected = content.files.map(({ path, sizeBytes }) => {
          const bytes = [...contents.subarray(at, (at += sizeBytes))]
          return { path, bytes, isWhole: true }
        })
        assert.deepEqual(seen, expected)
      }),
    )
  })

  it('refuses any byte that is another, with the file that it is in', () => {
    fc.assert(
      fc.property(anyPacked, anyShares, fc.nat(), ({ content, contents }, shares, place) => {
        fc.pre(contents.byteLength > 0)
        const wrong = place % contents.byteLength
        const spoiled = contents.slice()
        spoiled[wrong]! ^= 1
        let end = 0
        const { path } = content.files.find(({ sizeBytes }) => (end += sizeBytes) > wrong)!
        const reader = new BundleContents(content)
        assert.throws(
          () => {
            for (const part of divided(spoiled, shares)) reader.write(part)
          },
          { code: 'invalid_argument', message: new RegExp(`the SHA-256 of ${path} is [0-9a-f]{64}, not`) },
        )
      }),
    )
  })

  it('refuses more bytes than there are, and an empty file of another name', () => {
    const { content, contents } = testPacked([Buffer.from('code'), Buffer.from('')])
    const reader = new BundleContents(content)
    reader.write(contents)
    assert.throws(() => reader.write(new Uint8Array(1)), /more than the 4 bytes of its manifest arrived/)
    const [module, empty] = content.files
    const wrong = new BundleContents({ files: [module!, { ...empty!, sha256: 'a'.repeat(64) }], links: [] })
    assert.throws(() => wrong.write(contents), /the SHA-256 of files\/1 is/)
  })
})
