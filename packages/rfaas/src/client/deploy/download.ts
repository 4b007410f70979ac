import { createHash } from 'node:crypto'

import type { ManagerClient } from '../../control/client.ts'
import { FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { PackedStream, type PackedForm } from '../../control/packed-stream.ts'
import { RfaasError } from '../../errors.ts'
import type { PackedBytes } from '../leases/send-bundle.ts'

/** Bytes of deployed functions at a resource manager. */
export interface DeployedBytes extends PackedForm {
  readonly rpc: Pick<ManagerClient['rpc'], 'readFunctions'>
  /** For error messages. */
  readonly what: string
}

/**
 * Reads a bundle that is one module.
 *
 * @throws {RfaasError} `internal` when the manager sends other bytes than those of this SHA-256; what the call throws
 */
export async function readModule(source: DeployedBytes): Promise<Uint8Array<ArrayBuffer>> {
  const code = new Uint8Array(source.bytes)
  let offset = 0
  for await (const slice of slicesOf(source)) {
    code.set(slice, offset)
    offset += slice.byteLength
  }
  const actual = createHash('sha256').update(code).digest('hex')
  if (actual !== source.sha256) {
    throw refused(source, `the manager sent bytes with the SHA-256 ${actual}, not ${source.sha256}`)
  }
  return code
}

/**
 * Reads a packed bundle: its manifest now, its contents while they are sent on. They can be read once. All is verified as it
 * arrives, and nothing but the manifest and one slice is in memory.
 *
 * @throws {RfaasError} as {@link readModule}, also from the slices
 */
export async function readPacked(source: DeployedBytes): Promise<PackedBytes> {
  const stream = new PackedStream(source)
  const arriving = slicesOf(source)
  const next = async (): Promise<Uint8Array<ArrayBuffer> | null> => {
    const { value: slice, done } = await arriving.next()
    try {
      if (done !== true) return stream.write(slice)
      stream.end()
      return null
    } catch (error) {
      throw refused(source, `the manager sent other bytes: ${(error as RfaasError).sentence}`)
    }
  }
  // What follows the manifest in its last slice.
  let first: Uint8Array<ArrayBuffer> | null
  do first = await next()
  while (first !== null && stream.manifest === null)
  const slices = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let slice = first; slice !== null; slice = await next()) if (slice.byteLength > 0) yield slice
  }
  // A stream that has ended without one was refused.
  return { sha256: source.sha256, manifest: stream.manifest!, slices }
}

/** The bytes as they were uploaded, slice by slice. */
async function* slicesOf(source: DeployedBytes): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { rpc, sha256, bytes } = source
  for (let offset = 0; offset < bytes; offset += FUNCTIONS_SLICE_BYTES) {
    const { slice } = await rpc.readFunctions({ sha256, offset })
    if (slice.byteLength !== Math.min(FUNCTIONS_SLICE_BYTES, bytes - offset)) {
      throw refused(source, `the manager sent ${slice.byteLength} bytes at byte ${offset} of ${bytes}`)
    }
    // Bytes of a message are memory of their own.
    yield slice as Uint8Array<ArrayBuffer>
  }
}

function refused({ what }: DeployedBytes, reason: string): RfaasError {
  return new RfaasError('internal', `Cannot use ${what}: ${reason}`)
}
