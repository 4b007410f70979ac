import { createHash, type Hash } from 'node:crypto'

import { RfaasError } from '../errors.ts'
import { contentBytes, type BundleManifest, type PackedFile } from './bundle-manifest.ts'

/** What is done with the files of a packed bundle as their bytes arrive. What it throws ends the reading. */
export interface ContentsSink {
  begin(file: PackedFile): void
  /** The next bytes of the file; valid until it returns. */
  take(bytes: Uint8Array): void
  /** All bytes of the file were taken, and are those of the manifest. */
  end(file: PackedFile): void
}

/** The file that arrives. */
interface CurrentFile {
  readonly file: PackedFile
  readonly hash: Hash
  leftBytes: number
}

/** Divides the contents of a packed bundle into its files as they arrive, and verifies the SHA-256 of each. */
export class BundleContents {
  /** Bytes of contents in all. */
  readonly totalBytes: number
  readonly #files: Iterator<PackedFile>
  readonly #sink: ContentsSink | null
  #current: CurrentFile | null = null
  #receivedBytes = 0

  /** @param sink null: the contents are only verified */
  constructor(manifest: BundleManifest, sink: ContentsSink | null = null) {
    this.totalBytes = contentBytes(manifest)
    this.#files = manifest.files.values()
    this.#sink = sink
    this.#next()
  }

  /** Bytes of contents that have arrived. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** @throws {RfaasError} `invalid_argument` for bytes that are not those of the manifest; what the sink throws */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      const current = this.#current
      if (current === null) throw refusedBundle(`more than the ${this.totalBytes} bytes of its manifest arrived`)
      const part = bytes.subarray(at, at + current.leftBytes)
      this.#sink?.take(part)
      current.hash.update(part)
      current.leftBytes -= part.byteLength
      this.#receivedBytes += part.byteLength
      at += part.byteLength
      if (current.leftBytes > 0) continue
      this.#finish(current)
      this.#next()
    }
  }

  #finish({ file, hash }: CurrentFile): void {
    const actual = hash.digest('hex')
    if (actual !== file.sha256) throw refusedBundle(`the SHA-256 of ${file.path} is ${actual}, not ${file.sha256}`)
    this.#sink?.end(file)
    this.#current = null
  }

  /** Begins the next file that has contents. Empty ones begin and end on the way. */
  #next(): void {
    while (this.#current === null) {
      const { value: file, done } = this.#files.next()
      if (done === true) return
      this.#sink?.begin(file)
      this.#current = { file, hash: createHash('sha256'), leftBytes: file.sizeBytes }
      if (file.sizeBytes === 0) this.#finish(this.#current)
    }
  }
}

/** Bytes are not those of the bundle: `reason` is the end of a sentence. */
export function refusedBundle(reason: string): RfaasError {
  return new RfaasError('invalid_argument', `Cannot take bundle: ${reason}`)
}
