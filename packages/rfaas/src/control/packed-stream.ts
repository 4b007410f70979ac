import { BundleContents, refusedBundle } from './bundle-contents.ts'
import { decodeManifest, manifestName } from './bundle-manifest.ts'
import { BUNDLE_BYTES_MAX, BUNDLE_MANIFEST_BYTES_MAX, DEPLOYED_BYTES_MAX } from './limits.ts'

/** How a packed bundle is announced before its bytes arrive. */
export interface PackedForm {
  /** The name of the bundle: of its manifest, 64 lower-case hex digits. */
  readonly sha256: string
  /** Of manifest and contents. */
  readonly bytes: number
  /** Of the manifest, with which the bytes begin. */
  readonly manifestBytes: number
}

/** What is wrong with the size of a bundle that is one module, as the end of a sentence; null: nothing. */
export function moduleSizeProblem(bytes: number): string | null {
  if (bytes >= 1 && bytes <= BUNDLE_BYTES_MAX) return null
  return `its bundle has ${bytes} bytes, must have 1 to ${BUNDLE_BYTES_MAX}`
}

/** What is wrong with the sizes of a packed bundle that is announced, as the end of a sentence; null: nothing. */
export function packedSizeProblem({ bytes, manifestBytes }: Omit<PackedForm, 'sha256'>): string | null {
  if (manifestBytes < 1 || manifestBytes > BUNDLE_MANIFEST_BYTES_MAX) {
    return `its manifest has ${manifestBytes} bytes, must have 1 to ${BUNDLE_MANIFEST_BYTES_MAX}`
  }
  if (bytes >= manifestBytes && bytes <= DEPLOYED_BYTES_MAX) return null
  return `its bundle has ${bytes} bytes, must have ${manifestBytes} (those of its manifest) to ${DEPLOYED_BYTES_MAX}`
}

/**
 * Verifies a packed bundle that arrives as one stream, its manifest followed by its contents, against its name. Only the
 * manifest is kept in memory.
 */
export class PackedStream {
  /** The manifest, once all of it has arrived and is the one of this name. */
  manifest: Uint8Array<ArrayBuffer> | null = null
  readonly #form: PackedForm
  readonly #head: Uint8Array<ArrayBuffer>
  #headBytes = 0
  #contents: BundleContents | null = null

  /** @param form sizes without a {@link packedSizeProblem} */
  constructor(form: PackedForm) {
    this.#form = form
    this.#head = new Uint8Array(form.manifestBytes)
  }

  /**
   * Takes the next bytes.
   *
   * @returns those of them that belong to the contents, a view of `bytes`
   * @throws {RfaasError} `invalid_argument` when they are not those of the bundle
   */
  write(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const head = bytes.subarray(0, this.#head.byteLength - this.#headBytes)
    this.#head.set(head, this.#headBytes)
    this.#headBytes += head.byteLength
    if (this.#headBytes < this.#head.byteLength) return bytes.subarray(bytes.byteLength)
    this.#contents ??= this.#readManifest()
    const contents = bytes.subarray(head.byteLength)
    this.#contents.write(contents)
    return contents
  }

  /** @throws {RfaasError} `invalid_argument` when bytes are missing */
  end(): void {
    const arrived = this.#headBytes + (this.#contents?.receivedBytes ?? 0)
    if (arrived < this.#form.bytes) throw refusedBundle(`${arrived} of its ${this.#form.bytes} bytes have arrived`)
  }

  #readManifest(): BundleContents {
    const { sha256, bytes, manifestBytes } = this.#form
    const actual = manifestName(this.#head)
    if (actual !== sha256) throw refusedBundle(`the SHA-256 of its manifest is ${actual}, not ${sha256}`)
    const contents = new BundleContents(decodeManifest(this.#head))
    if (contents.totalBytes !== bytes - manifestBytes) {
      const announced = `${bytes - manifestBytes} were announced`
      throw refusedBundle(`its files have ${contents.totalBytes} bytes by its manifest, ${announced}`)
    }
    this.manifest = this.#head
    return contents
  }
}
