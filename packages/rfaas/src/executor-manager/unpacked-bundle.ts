import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { decodeManifest, foldersAbove, manifestName, type BundleManifest } from '../control/bundle-manifest.ts'
import { fileDigest, Pauses } from '../file-digest.ts'
import { MANIFEST_FILE } from './bundle-unpacker.ts'

/**
 * A file that changed within this time before it was verified is verified again the next time: another change could get
 * the same timestamp.
 */
const SETTLED_MS = 2_000

/** What is known of the files of one unpacked bundle: the state in which each was last found undamaged, by path. */
export type VerifiedFiles = Map<string, string>

/**
 * Whether the folder has exactly what the manifest of that name says: each file with its bytes, each link with its
 * target, and nothing else. A file whose times, inode and size are those of the last time is not read again.
 *
 * @param verified filled and used here
 * @throws nothing: what cannot be read is damaged
 */
export async function isUndamaged(folder: string, sha256: string, verified: VerifiedFiles): Promise<boolean> {
  try {
    const encoded = readFileSync(join(folder, MANIFEST_FILE))
    if (manifestName(encoded) !== sha256) return false
    const manifest = decodeManifest(encoded)
    if (!hasOnly(folder, manifest)) return false
    const pauses = new Pauses()
    for (const { path, sizeBytes, sha256: expected } of manifest.files) {
      const found = lstatSync(join(folder, path), { bigint: true })
      if (!found.isFile() || found.size !== BigInt(sizeBytes)) return false
      const state = [found.ino, found.mtimeNs, found.ctimeNs].join()
      await pauses.pause()
      if (verified.get(path) === state) continue
      const nowUnixMs = Date.now()
      if ((await fileDigest(join(folder, path), sizeBytes)) !== expected) return false
      if (Number(found.ctimeNs / 1_000_000n) < nowUnixMs - SETTLED_MS) verified.set(path, state)
    }
    return manifest.links.every(
      ({ path, target }) => readlinkSync(join(folder, path)) === relative(dirname(path), target),
    )
  } catch {
    return false
  }
}

/** Bytes that an unpacked bundle, or the draft of one, takes or is going to take; 0 when it has no manifest. */
export function unpackedBytes(folder: string): number {
  try {
    const encoded = readFileSync(join(folder, MANIFEST_FILE))
    return decodeManifest(encoded).files.reduce((sum, { sizeBytes }) => sum + sizeBytes, encoded.byteLength)
  } catch {
    return 0
  }
}

/** A file that somebody added could be loaded instead of one of the bundle. */
function hasOnly(folder: string, { files, links }: BundleManifest): boolean {
  const expected = new Set([MANIFEST_FILE])
  for (const { path } of [...files, ...links]) {
    expected.add(path)
    for (const above of foldersAbove(path)) expected.add(above)
  }
  let found = 0
  const walk = (at: string): boolean =>
    readdirSync(join(folder, at), { withFileTypes: true }).every((entry) => {
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      found++
      return expected.has(path) && (!entry.isDirectory() || walk(path))
    })
  return walk('') && found === expected.size
}
