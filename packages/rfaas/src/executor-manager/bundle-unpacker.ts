import { closeSync, fchmodSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

import { BundleContents } from '../control/bundle-contents.ts'
import type { BundleManifest, PackedFile } from '../control/bundle-manifest.ts'
import { makeFolder } from '../make-folder.ts'

/** Name of the manifest in the folder of an unpacked bundle. */
export const MANIFEST_FILE = 'manifest.json'

/**
 * Writes the contents of a packed bundle into a folder as they arrive, and verifies each file. The manifest is trusted
 * to name only paths inside of the folder (`decodeManifest`). The folder does not exist before, so nothing that others
 * have put there is followed.
 */
export class BundleUnpacker {
  readonly #folder: string
  readonly #manifest: BundleManifest
  readonly #contents: BundleContents
  /** Of the file that is being written. */
  #descriptor: number | null = null

  /** @throws {Error} of the system */
  constructor(folder: string, manifest: BundleManifest, encoded: Uint8Array) {
    this.#folder = folder
    this.#manifest = manifest
    mkdirSync(folder, { mode: 0o700 })
    writeFileSync(join(folder, MANIFEST_FILE), encoded, { flag: 'wx', mode: 0o400 })
    this.#contents = new BundleContents(manifest, {
      begin: (file) => this.#open(file),
      take: (bytes) => this.#append(bytes),
      end: (file) => this.#finish(file),
    })
  }

  /** Bytes of contents in all. */
  get totalBytes(): number {
    return this.#contents.totalBytes
  }

  /** Bytes of contents that have arrived. */
  get receivedBytes(): number {
    return this.#contents.receivedBytes
  }

  /** @throws {RfaasError} `invalid_argument` for bytes that are not those of the manifest; what the system says */
  write(bytes: Uint8Array): void {
    this.#contents.write(bytes)
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
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = null
  }

  #open({ path }: PackedFile): void {
    this.#makeFolderOf(path)
    this.#descriptor = openSync(join(this.#folder, path), 'wx', 0o600)
  }

  #append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) at += writeSync(this.#descriptor!, bytes, at)
  }

  #finish({ isExecutable }: PackedFile): void {
    // Functions have no reason to change their own code; as root they still could.
    fchmodSync(this.#descriptor!, isExecutable ? 0o500 : 0o400)
    this.close()
  }

  #makeFolderOf(path: string): void {
    makeFolder(dirname(join(this.#folder, path)))
  }
}
