import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'

import {
  contentBytes,
  encodeManifest,
  manifestName,
  type BundleManifest,
  type PackedFile,
} from '../../control/bundle-manifest.ts'
import { BUNDLE_SLICE_BYTES } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import { fileDigest, Pauses } from '../../file-digest.ts'
import { identityOf } from '../../file-identity.ts'
import { PACKED_MODULE } from '../../packed-module.ts'
import { reasonOf } from '../../thrown.ts'
import { HASHES_KEPT_MAX } from '../limits.ts'
import type { Gathered } from './gather.ts'
import { packedPath } from './layout.ts'

/** A bundle with all packages and files that it loads: what travels to a node that does not see the client's files. */
export interface PackedBundle {
  /** The name: the SHA-256 of the manifest, 64 lower-case hex digits. */
  readonly sha256: string
  /** See control/bundle-manifest.ts. */
  readonly manifest: Uint8Array<ArrayBuffer>
  /** Of the contents. */
  readonly totalBytes: number
  /**
   * The contents, read from the files now, in slices of `sliceBytes` (default BUNDLE_SLICE_BYTES); the last slice may be
   * shorter. A slice is valid until the next.
   *
   * @param head bytes that precede them. Default: none
   * @throws {RfaasError} `module_failed` when a file is gone or has another size
   */
  slices(sliceBytes?: number, head?: Uint8Array): AsyncGenerator<Uint8Array<ArrayBuffer>>
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** Hashes of files by path, each for the identity of the file; the least recently used first. */
const hashes = new Map<string, { identity: string; sha256: string }>()

/**
 * @param code the bundle's module, which finds its files by `packedLayout(root)`
 * @throws {RfaasError} `module_failed` when a file cannot be read
 */
export async function packBundle(code: Uint8Array, gathered: Gathered, root: string): Promise<PackedBundle> {
  const sources = [...gathered.files].sort()
  const sha256 = createHash('sha256').update(code).digest('hex')
  const files: PackedFile[] = [{ path: PACKED_MODULE, sizeBytes: code.byteLength, sha256, isExecutable: false }]
  const pauses = new Pauses()
  for (const source of sources) {
    files.push(await describe(source, packedPath(root, source)))
    await pauses.pause()
  }
  const links = [...gathered.links].map(([path, target]) => ({
    path: packedPath(root, path),
    target: packedPath(root, target),
  }))
  const content: BundleManifest = { files, links: links.sort((a, b) => (a.path < b.path ? -1 : 1)) }
  const manifest = encodeManifest(content)
  return {
    sha256: manifestName(manifest),
    manifest,
    totalBytes: contentBytes(content),
    slices: (sliceBytes = BUNDLE_SLICE_BYTES, head = NOTHING) =>
      slicesOf([head, code], sources, files.slice(1), sliceBytes),
  }
}

async function describe(source: string, path: string): Promise<PackedFile> {
  try {
    const identity = identityOf(source)
    const { size, mode } = statSync(source)
    const known = hashes.get(source)
    const sha256 = known?.identity === identity ? known.sha256 : await fileDigest(source, size)
    hashes.delete(source)
    hashes.set(source, { identity, sha256 })
    for (const oldest of hashes.keys()) {
      if (hashes.size <= HASHES_KEPT_MAX) break
      hashes.delete(oldest)
    }
    return { path, sizeBytes: size, sha256, isExecutable: (mode & 0o100) !== 0 }
  } catch (cause) {
    throw new RfaasError('module_failed', `Cannot pack bundle: cannot read ${source}: ${reasonOf(cause)}`, { cause })
  }
}

/** @param first parts that are in memory and precede the files */
async function* slicesOf(
  first: readonly Uint8Array[],
  sources: readonly string[],
  files: readonly PackedFile[],
  sliceBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const slice = new Uint8Array(sliceBytes)
  let filled = 0
  const take = (bytes: Uint8Array): number => {
    const part = bytes.subarray(0, slice.byteLength - filled)
    slice.set(part, filled)
    filled += part.byteLength
    return part.byteLength
  }
  for (const bytes of first) {
    for (let at = 0; at < bytes.byteLength;) {
      at += take(bytes.subarray(at))
      if (filled < slice.byteLength) continue
      yield slice
      filled = 0
    }
  }
  for (const [index, source] of sources.entries()) {
    const { sizeBytes } = files[index]!
    if (sizeBytes === 0) continue
    using file = opened(source)
    for (let at = 0; at < sizeBytes;) {
      const length = Math.min(sizeBytes - at, slice.byteLength - filled)
      const bytesRead = readSync(file.descriptor, slice, filled, length, at)
      if (bytesRead === 0) throw changed(source, `it has ${at} bytes instead of ${sizeBytes}`)
      filled += bytesRead
      at += bytesRead
      if (filled < slice.byteLength) continue
      yield slice
      filled = 0
    }
  }
  if (filled > 0) yield slice.subarray(0, filled)
}

function opened(source: string): { descriptor: number } & Disposable {
  try {
    const descriptor = openSync(source, 'r')
    return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) }
  } catch (error) {
    throw changed(source, reasonOf(error))
  }
}

function changed(source: string, reason: string): RfaasError {
  return new RfaasError('module_failed', `Cannot send bundle: ${source} changed meanwhile: ${reason}`)
}
