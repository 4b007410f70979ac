import { createHash } from 'node:crypto'
import fc from 'fast-check'

import { encodeManifest, manifestName, type BundleManifest } from './bundle-manifest.ts'
import type { PackedForm } from './packed-stream.ts'

/** A packed bundle in memory, for tests. */
export interface TestPacked {
  readonly content: BundleManifest
  readonly manifest: Uint8Array<ArrayBuffer>
  readonly contents: Uint8Array<ArrayBuffer>
  /** Manifest and contents. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly form: PackedForm
}

/** @param files the contents of the module, and then of the others */
export function testPacked(files: readonly Uint8Array[]): TestPacked {
  const content = {
    files: files.map((file, index) => ({
      path: index === 0 ? 'module.mjs' : `files/${index}`,
      sizeBytes: file.byteLength,
      sha256: createHash('sha256').update(file).digest('hex'),
      isExecutable: false,
    })),
    links: [],
  }
  const manifest = encodeManifest(content)
  const contents = new Uint8Array(Buffer.concat(files))
  const bytes = new Uint8Array(Buffer.concat([manifest, contents]))
  const sizes = { bytes: bytes.byteLength, manifestBytes: manifest.byteLength }
  return { content, manifest, contents, bytes, form: { sha256: manifestName(manifest), ...sizes } }
}

/** Packed bundles of few small files, empty ones among them. */
export const anyPacked: fc.Arbitrary<TestPacked> = fc
  .array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 })
  .map(testPacked)

/** Divides bytes at the given places, each a share of their number. */
export function divided(bytes: Uint8Array<ArrayBuffer>, shares: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const cuts = shares.map((share) => Math.floor(share * bytes.byteLength)).sort((a, b) => a - b)
  return [...cuts, bytes.byteLength].map((end, index) => bytes.slice(cuts[index - 1] ?? 0, end))
}

export const anyShares: fc.Arbitrary<number[]> = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
