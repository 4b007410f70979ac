import { createHash } from 'node:crypto'
import { FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import type { Store, Transaction } from '../store.ts'
import { nextTurn } from '../turns.ts'
import { sliceKey } from './records.ts'

/* The bytes of a bundle lie in the store in slices, which are read and written one by one, so that nothing waits for long. */

/** How many slices so many bytes take. */
function sliceCount(bytes: number): number {
  return Math.ceil(bytes / FUNCTIONS_SLICE_BYTES)
}

/** Writes a slice. @param offset in the bundle, a multiple of FUNCTIONS_SLICE_BYTES */
export function setSlice(transaction: Transaction, uploadId: string, offset: number, slice: Uint8Array): void {
  transaction.set(sliceKey(uploadId, offset / FUNCTIONS_SLICE_BYTES), Buffer.from(slice).toString('base64'))
}

/** Removes all slices of a bundle of so many bytes. */
export function removeSlices(transaction: Transaction, uploadId: string, bytes: number): void {
  for (let number = 0; number < sliceCount(bytes); number++) transaction.set(sliceKey(uploadId, number), null)
}

/** null when it is not there. @param offset as for {@link setSlice} */
export async function readSlice(store: Store, uploadId: string, offset: number): Promise<Uint8Array | null> {
  const entry = await store.get(sliceKey(uploadId, offset / FUNCTIONS_SLICE_BYTES))
  return entry === null ? null : Buffer.from(entry.value, 'base64')
}

/** The SHA-256 of a bundle in the store, in lower-case hex, with a turn of the event loop after each slice. */
export async function digestSlices(store: Store, uploadId: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  for (let number = 0; number < sliceCount(bytes); number++) {
    const slice = await readSlice(store, uploadId, number * FUNCTIONS_SLICE_BYTES)
    if (slice !== null) hash.update(slice)
    await nextTurn()
  }
  return hash.digest('hex')
}
