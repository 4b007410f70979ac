import { createHash } from 'node:crypto'

import { RfaasError } from '../errors.ts'
import { PACKED_MODULE } from '../packed-module.ts'
import { isInstance, reasonOf } from '../thrown.ts'
import { BUNDLE_FILES_MAX, BUNDLE_MANIFEST_BYTES_MAX } from './limits.ts'

/*
 * A packed bundle: a module together with the packages and files that it loads from beside it, in a form that travels.
 * It is a manifest, followed by the contents of its files one after the other, in the order of the manifest. The
 * SHA-256 of the manifest is the name of the bundle. The manifest has the SHA-256 of each file, so the name stands for
 * all bytes of the bundle, and each file can be verified by itself.
 */

/** Folder in which all but the module files and links are, as they were relative to each other. */
export const PACKED_FILES = 'files'

export interface PackedFile {
  /** Relative to the bundle's folder, with `/`, without `.` and `..`. */
  readonly path: string
  readonly sizeBytes: number
  /** Of the contents; 64 lower-case hex digits. */
  readonly sha256: string
  readonly isExecutable: boolean
}

/** A symbolic link to a folder or file of the same bundle, such as pnpm makes for a dependency. */
export interface PackedLink {
  readonly path: string
  /** As `path`: relative to the bundle's folder, not to the link. */
  readonly target: string
}

export interface BundleManifest {
  /** The module first. */
  readonly files: readonly PackedFile[]
  readonly links: readonly PackedLink[]
}

export function encodeManifest({ files, links }: BundleManifest): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify({
    format: 1,
    files: files.map(({ path, sizeBytes, sha256, isExecutable }) => [path, sizeBytes, sha256, isExecutable ? 1 : 0]),
    links: links.map(({ path, target }) => [path, target]),
  })
  return new TextEncoder().encode(text)
}

/** The name of the bundle with this manifest. */
export function manifestName(manifest: Uint8Array): string {
  return createHash('sha256').update(manifest).digest('hex')
}

export function contentBytes({ files }: BundleManifest): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

/**
 * Reads a manifest that comes from outside. In what it returns, no path leaves the bundle's folder: each is relative,
 * none leads through a link or a file, and each link leads to a file or folder of the bundle.
 *
 * @throws {RfaasError} `invalid_argument`, with the path at fault
 */
export function decodeManifest(bytes: Uint8Array): BundleManifest {
  try {
    if (bytes.byteLength > BUNDLE_MANIFEST_BYTES_MAX) {
      throw new Error(`it has ${bytes.byteLength} bytes, ${BUNDLE_MANIFEST_BYTES_MAX} are allowed`)
    }
    const raw: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const { format, files, links } = raw as Record<string, unknown>
    if (format !== 1) throw new Error(`format ${JSON.stringify(format)} is not known here`)
    if (!Array.isArray(files) || !Array.isArray(links)) throw new Error('files and links must be lists')
    if (files.length + links.length > BUNDLE_FILES_MAX) {
      throw new Error(`it has ${files.length + links.length} files and links, ${BUNDLE_FILES_MAX} are allowed`)
    }
    const manifest = { files: files.map(readFile), links: links.map(readLink) }
    checkPaths(manifest)
    return manifest
  } catch (error) {
    if (isInstance(error, RfaasError)) throw error
    throw new RfaasError('invalid_argument', `Cannot take bundle: its manifest is not valid: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

function readFile(entry: unknown): PackedFile {
  const [path, sizeBytes, sha256, mode] = Array.isArray(entry) ? (entry as unknown[]) : []
  const checked = checkPath(path)
  if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0) throw new Error(`the size of ${checked}`)
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`the SHA-256 of ${checked}`)
  return { path: checked, sizeBytes: sizeBytes as number, sha256, isExecutable: mode === 1 }
}

function readLink(entry: unknown): PackedLink {
  const [path, target] = Array.isArray(entry) ? (entry as unknown[]) : []
  return { path: checkPath(path), target: checkPath(target) }
}

function checkPath(path: unknown): string {
  if (typeof path !== 'string' || path.length > 4096 || !path.isWellFormed()) {
    throw new Error(`not a path: ${String(JSON.stringify(path)).slice(0, 200)}`)
  }
  const parts = path.split('/')
  const isPlain = (part: string): boolean =>
    part !== '' && part !== '.' && part !== '..' && !part.includes('\0') && Buffer.byteLength(part) <= 255
  const isInside = path === PACKED_MODULE || (parts[0] === PACKED_FILES && parts.length > 1)
  if (!isInside || !parts.every(isPlain)) {
    throw new Error(`the path ${JSON.stringify(path.slice(0, 200))} is not inside of the bundle`)
  }
  return path
}

function checkPaths({ files, links }: BundleManifest): void {
  if (files[0]?.path !== PACKED_MODULE) throw new Error(`its first file must be ${PACKED_MODULE}`)
  const leaves = new Set<string>()
  for (const { path } of [...files, ...links]) {
    if (leaves.has(path)) throw new Error(`the path ${JSON.stringify(path)} occurs twice`)
    leaves.add(path)
  }
  const folders = new Set<string>()
  for (const path of leaves) {
    for (const folder of foldersAbove(path)) {
      if (leaves.has(folder)) throw new Error(`the path ${JSON.stringify(path)} leads through a file or a link`)
      folders.add(folder)
    }
  }
  const isLink = new Set(links.map(({ path }) => path))
  for (const { path, target } of links) {
    if (isLink.has(target) || !(folders.has(target) || leaves.has(target))) {
      throw new Error(`the link ${JSON.stringify(path)} leads to nothing in the bundle: ${JSON.stringify(target)}`)
    }
  }
}

/** The folders in which something with this path is, the innermost first. */
export function* foldersAbove(path: string): Generator<string> {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) yield path.slice(0, at)
}
