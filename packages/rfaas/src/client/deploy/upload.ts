import { decodeManifest } from '../../control/bundle-manifest.ts'
import { largestPart } from '../../control/largest-part.ts'
import { DEPLOYED_BYTES_MAX, FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import type { PackedForm } from '../../control/packed-stream.ts'
import { RfaasError } from '../../errors.ts'
import type { Bundle } from '../bundle/bundle.ts'

/** A bundle as a resource manager keeps it. `manifestBytes` is 0 for one that is a module. */
export interface BundleUpload extends PackedForm {
  /**
   * Its bytes, in slices of FUNCTIONS_SLICE_BYTES; the last may be shorter. A slice is valid until the next.
   *
   * @throws {RfaasError} `module_failed` when a file has changed since the bundle was made
   */
  slices(): Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>
}

/**
 * The form in which a bundle is deployed: as it is when it is whole by itself, otherwise packed with its packages and files,
 * because nobody knows which nodes are going to use it.
 *
 * @throws {RfaasError} `module_failed` when it cannot be packed, or is larger than what a manager takes
 */
export async function uploadOf({ sha256, code, pack }: Bundle): Promise<BundleUpload> {
  if (pack === null) return { sha256, bytes: code.byteLength, manifestBytes: 0, slices: () => slicesOf(code) }
  const { sha256: name, manifest, totalBytes, slices } = await pack()
  const bytes = manifest.byteLength + totalBytes
  if (bytes > DEPLOYED_BYTES_MAX) throw tooLarge(manifest, bytes)
  return {
    sha256: name,
    bytes,
    manifestBytes: manifest.byteLength,
    slices: () => slices(FUNCTIONS_SLICE_BYTES, manifest),
  }
}

function* slicesOf(code: Uint8Array): Generator<Uint8Array<ArrayBuffer>> {
  for (let offset = 0; offset < code.byteLength; offset += FUNCTIONS_SLICE_BYTES) {
    yield code.subarray(offset, offset + FUNCTIONS_SLICE_BYTES) as Uint8Array<ArrayBuffer>
  }
}

function tooLarge(manifest: Uint8Array, bytes: number): RfaasError {
  const content = decodeManifest(manifest)
  const largest = largestPart(content)
  const figures = `its bundle has ${bytes} bytes in ${content.files.length} files, of which ${largest.bytes} are of ${largest.name}`
  return new RfaasError('module_failed', `Cannot deploy: ${figures}; at most ${DEPLOYED_BYTES_MAX} are allowed`)
}
