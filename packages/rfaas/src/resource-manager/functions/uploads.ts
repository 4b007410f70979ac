import { DEPLOYED_BYTES_MAX, FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import type { Context } from '../context.ts'
import { FUNCTIONS_UPLOAD_PAUSE_MS_MAX, FUNCTIONS_UPLOADS_MAX } from '../limits.ts'
import { transact } from '../store.ts'
import type { Transaction } from '../store.ts'
import { parseRegistry, parseUpload, REGISTRY, sliceKey, UPLOADS } from './records.ts'
import type { UploadRecord } from './records.ts'
import { dropSlices, removeDropped, setSlice } from './slices.ts'

const ACTION = 'Cannot take functions'

/** A slice of a bundle, as a client sends it. */
export interface UploadedSlice {
  readonly uploadId: string
  readonly offset: number
  readonly slice: Uint8Array
}

/**
 * Keeps one slice of a bundle that is to be deployed. The first one begins the upload. Idempotent: a slice may come twice.
 *
 * @throws {RfaasError} `invalid_argument`; `not_found` when the upload was not begun, or has paused too long; `registry_full`
 */
export async function upload(context: Context, { uploadId, offset, slice }: UploadedSlice): Promise<void> {
  const { store, clock } = context
  checkSlice(offset, slice.length)
  const beginsAnother = await transact(store, async (transaction) => {
    const known = await transaction.get(UPLOADS + uploadId)
    if (known === null && offset > 0) throw unknownUpload(uploadId)
    if (known === null && (await transaction.get(sliceKey(uploadId, 0))) !== null) {
      throw refused(`the upload ${uploadId} is deployed already`)
    }
    const record = known === null ? { bytes: 0 } : parseUpload(known)
    if (offset < record.bytes) return false
    if (offset > record.bytes || record.bytes % FUNCTIONS_SLICE_BYTES !== 0) {
      throw refused(`a slice begins at byte ${offset}, but ${record.bytes} bytes have arrived`)
    }
    const others = await livingUploads(transaction, uploadId, clock.nowUnixMs())
    if (others.length >= FUNCTIONS_UPLOADS_MAX) {
      const sentence = `${ACTION}: ${others.length} uploads are under way, at most ${FUNCTIONS_UPLOADS_MAX} may be; try again later`
      throw new RfaasError('registry_full', sentence)
    }
    const bytes = record.bytes + slice.length
    const deployed = parseRegistry(await transaction.get(REGISTRY)).bytes
    checkRoom(context, deployed + others.reduce((sum, other) => sum + other.bytes, 0), bytes)
    setSlice(transaction, uploadId, offset, slice)
    transaction.set(
      UPLOADS + uploadId,
      JSON.stringify({ latestUnixMs: clock.nowUnixMs(), bytes } satisfies UploadRecord),
    )
    return known === null
  })
  if (beginsAnother) await removeDropped(store)
}

/** @throws {RfaasError} `registry_full` when so many bytes more do not fit beside those that are there */
export function checkRoom({ functionsBytesMax }: Context, heldBytes: number, bytes: number): void {
  if (heldBytes + bytes <= functionsBytesMax) return
  const reason = `${bytes} bytes more than the ${heldBytes} of those deployed do not fit into ${functionsBytesMax}`
  const advice = 'undeploy some, or raise --functions-max (functionsBytesMax) of the manager'
  throw new RfaasError('registry_full', `${ACTION}: ${reason}; ${advice}`)
}

export function unknownUpload(uploadId: string): RfaasError {
  return new RfaasError('not_found', `${ACTION}: there is no upload ${uploadId}; begin it again`)
}

/** Ends an upload that is not wanted. Call removeDropped after the transaction. */
export function discardUpload(transaction: Transaction, uploadId: string, bytes: number): void {
  dropSlices(transaction, uploadId, bytes)
  transaction.set(UPLOADS + uploadId, null)
}

/** The other uploads that are under way. Ends those that have paused too long: their clients are gone. */
async function livingUploads(transaction: Transaction, uploadId: string, nowUnixMs: number): Promise<UploadRecord[]> {
  const living: UploadRecord[] = []
  for (const { key, value } of await transaction.list(UPLOADS)) {
    const id = key.slice(UPLOADS.length)
    const record = parseUpload(value)
    if (id === uploadId) continue
    if (record.latestUnixMs + FUNCTIONS_UPLOAD_PAUSE_MS_MAX > nowUnixMs) living.push(record)
    else discardUpload(transaction, id, record.bytes)
  }
  return living
}

function checkSlice(offset: number, bytes: number): void {
  if (offset % FUNCTIONS_SLICE_BYTES !== 0) {
    throw refused(`a slice begins at byte ${offset}, not at a multiple of ${FUNCTIONS_SLICE_BYTES}`)
  }
  if (bytes < 1 || bytes > FUNCTIONS_SLICE_BYTES) {
    throw refused(`a slice has ${bytes} bytes, must have 1 to ${FUNCTIONS_SLICE_BYTES}`)
  }
  if (offset + bytes > DEPLOYED_BYTES_MAX) {
    throw refused(`the bundle has at least ${offset + bytes} bytes, at most ${DEPLOYED_BYTES_MAX} are allowed`)
  }
}

function refused(reason: string): RfaasError {
  return new RfaasError('invalid_argument', `${ACTION}: ${reason}`)
}
