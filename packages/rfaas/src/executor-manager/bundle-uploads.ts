import { rm, utimes } from 'node:fs/promises'

import type { Clock } from '../clock.ts'
import { contentBytes, decodeManifest, manifestName, type BundleManifest } from '../control/bundle-manifest.ts'
import { largestPart } from '../control/largest-part.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { BundleUnpacker } from './bundle-unpacker.ts'
import { BUNDLE_UPLOAD_IDLE_MS } from './limits.ts'

interface UploadsOptions {
  readonly clock: Clock
  /** Largest contents of one bundle. */
  readonly totalBytesMax: number
  /** Makes room for so many bytes and calls `write` with the path of a folder that `write` makes. */
  makeDraft(sha256: string, sizeBytes: number, write: (path: string) => void): Promise<string>
  /** Takes over the folder with the complete bundle. */
  keep(sha256: string, draft: string): Promise<void>
}

interface Upload {
  readonly sha256: string
  readonly draft: string
  readonly unpacker: BundleUnpacker
  cancelTimer: () => void
}

/** The packed bundles that leases are sending, one each. What is not continued in time is removed. */
export class BundleUploads {
  readonly #options: UploadsOptions
  /** By lease. */
  readonly #uploads = new Map<string, Upload>()
  /** Serializes the calls of each lease: a repeated request must not write into the same file. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(options: UploadsOptions) {
    this.#options = options
  }

  /** @returns true for a bundle without contents, which is complete */
  begin(owner: string, sha256: string, manifest: Uint8Array): Promise<boolean> {
    return this.#inTurn(owner, async () => {
      await this.#forget(owner)
      const actual = manifestName(manifest)
      if (actual !== sha256) {
        const reason = `the SHA-256 of its manifest is ${actual}`
        throw new RfaasError('invalid_argument', `Cannot take bundle ${sha256}: ${reason}`)
      }
      const decoded = decodeManifest(manifest)
      const sizeBytes = contentBytes(decoded)
      const { totalBytesMax, clock } = this.#options
      if (sizeBytes > totalBytesMax) throw new RfaasError('module_failed', tooLarge(decoded, sizeBytes, totalBytesMax))
      let unpacker!: BundleUnpacker
      const draft = await this.#options
        .makeDraft(sha256, sizeBytes + manifest.byteLength, (path) => {
          unpacker = new BundleUnpacker(path, decoded, manifest)
        })
        .catch((error: unknown) => Promise.reject(toRfaasError(error, 'lease_denied', `Cannot keep bundle ${sha256}`)))
      const cancelTimer = clock.after(BUNDLE_UPLOAD_IDLE_MS, () => this.#forgetLater(owner))
      this.#uploads.set(owner, { sha256, draft, unpacker, cancelTimer })
      return this.#append(owner, sha256, 0, new Uint8Array(0))
    })
  }

  append(owner: string, sha256: string, offset: number, bytes: Uint8Array): Promise<boolean> {
    return this.#inTurn(owner, () => this.#append(owner, sha256, offset, bytes))
  }

  async close(): Promise<void> {
    for (const owner of this.#uploads.keys()) this.#forgetLater(owner)
    await Promise.all(this.#turns.values())
  }

  async #append(owner: string, sha256: string, offset: number, bytes: Uint8Array): Promise<boolean> {
    const upload = this.#uploads.get(owner)
    if (upload?.sha256 !== sha256 || upload.unpacker.receivedBytes !== offset) {
      const expected = upload?.sha256 === sha256 ? `byte ${upload.unpacker.receivedBytes}` : 'its manifest'
      const reason = `its contents from byte ${offset} arrived, ${expected} is next`
      throw new RfaasError('invalid_argument', `Cannot take bundle ${sha256}: ${reason}`)
    }
    const { clock, keep } = this.#options
    const { unpacker, draft } = upload
    try {
      unpacker.write(bytes)
      if (unpacker.receivedBytes < unpacker.totalBytes) {
        upload.cancelTimer()
        upload.cancelTimer = clock.after(BUNDLE_UPLOAD_IDLE_MS, () => this.#forgetLater(owner))
        const now = new Date(clock.nowUnixMs())
        await utimes(draft, now, now)
        return false
      }
      unpacker.link()
    } catch (error) {
      await this.#forget(owner)
      throw toRfaasError(error, 'lease_denied', `Cannot keep bundle ${sha256}`)
    }
    upload.cancelTimer()
    this.#uploads.delete(owner)
    await keep(sha256, draft)
    return true
  }

  #forgetLater(owner: string): void {
    void this.#inTurn(owner, () => this.#forget(owner))
  }

  async #forget(owner: string): Promise<void> {
    const upload = this.#uploads.get(owner)
    if (upload === undefined) return
    this.#uploads.delete(owner)
    upload.cancelTimer()
    upload.unpacker.close()
    await rm(upload.draft, { recursive: true, force: true })
  }

  async #inTurn<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(owner) ?? Promise.resolve()
    const done = before.then(work)
    const settled = done.catch(() => {})
    this.#turns.set(owner, settled)
    await settled
    if (this.#turns.get(owner) === settled) this.#turns.delete(owner)
    return done
  }
}

function tooLarge(manifest: BundleManifest, sizeBytes: number, bytesMax: number): string {
  const { name, bytes } = largestPart(manifest)
  const figures = `it has ${sizeBytes} bytes in ${manifest.files.length} files, of which ${bytes} are of ${name}; this node takes ${bytesMax}`
  return `Cannot take bundle: ${figures}, half of its cache; raise that with --cache-max (cacheBytesMax) where the node is started`
}
