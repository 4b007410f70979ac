import { createHash, type Hash } from 'node:crypto'
import { closeSync, fchmodSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { contentBytes, type BundleManifest, type PackedFile } from '../control/bundle-manifest.ts'
import { RfaasError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'

/** Name of the manifest in the folder of an unpacked bundle. */
export const MANIFEST_FILE = 'manifest.json'

/** The file that is being written. */
interface OpenFile {
  readonly file: PackedFile
  readonly descriptor: number
  readonly hash: Hash
  leftBytes: number
}

/**
 * Writes the contents of a packed bundle into a folder as they arrive, and verifies each file. The manifest is trusted
 * to name only paths inside of the folder (`decodeManifest`). The folder does not exist before, so nothing that others
 * have put there is followed.
 */
export class BundleUnpacker {
  /** Bytes of contents in all. */
  readonly totalBytes: number
  readonly #folder: string
  readonly #manifest: BundleManifest
  readonly #files: Iterator<PackedFile>
  #current: OpenFile | null = null
  #receivedBytes = 0

  /** @throws {Error} of the system */
  constructor(folder: string, manifest: BundleManifest, encoded: Uint8Array) {
    this.#folder = folder
    this.#manifest = manifest
    this.#files = manifest.files.values()
    this.totalBytes = contentBytes(manifest)
    mkdirSync(folder, { mode: 0o700 })
    writeFileSync(join(folder, MANIFEST_FILE), encoded, { flag: 'wx', mode: 0o400 })
    this.#next()
  }

  /** Bytes of contents that have arrived. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** @throws {RfaasError} `invalid_argument` for bytes that are not those of the manifest; what the system says */
  write(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.byteLength) {
      const current = this.#current
      if (current === null) throw refused(`more than the ${this.totalBytes} bytes of its manifest arrived`)
      const part = bytes.subarray(at, at + current.leftBytes)
      const written = writeSync(current.descriptor, part)
      current.hash.update(part.subarray(0, written))
      current.leftBytes -= written
      this.#receivedBytes += written
      at += written
      if (current.leftBytes === 0) this.#finish(current)
    }
  }

  /** Makes the links, once all contents are there: before that nothing in the folder leads anywhere else. */
  link(): void {
    for (const { path, target } of this.#manifest.links) {
      this.#makeFolderOf(path)
      symlinkSync(relative(dirname(path), target), join(this.#folder, path))
    }
  }

  /** Closes the file that is being written. Idempotent. */
  close(): void {
    if (this.#current !== null) closeSync(this.#current.descriptor)
    this.#current = null
  }

  #finish({ file, hash, descriptor }: OpenFile): void {
    const actual = hash.digest('hex')
    if (actual !== file.sha256) throw refused(`the SHA-256 of ${file.path} is ${actual}, not ${file.sha256}`)
    // Functions have no reason to change their own code; as root they still could.
    fchmodSync(descriptor, file.isExecutable ? 0o500 : 0o400)
    this.close()
    this.#next()
  }

  /** Opens the next file with contents; empty ones are made on the way. */
  #next(): void {
    const { value: file, done } = this.#files.next()
    if (done === true) return
    this.#makeFolderOf(file.path)
    const descriptor = openSync(join(this.#folder, file.path), 'wx', 0o600)
    this.#current = { file, descriptor, hash: createHash('sha256'), leftBytes: file.sizeBytes }
    if (file.sizeBytes === 0) this.#finish(this.#current)
  }

  #makeFolderOf(path: string): void {
    makeFolder(dirname(join(this.#folder, path)))
  }
}

function refused(reason: string): RfaasError {
  return new RfaasError('invalid_argument', `Cannot take bundle: ${reason}`)
}
