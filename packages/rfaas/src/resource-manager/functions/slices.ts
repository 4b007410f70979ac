import { createHash } from 'node:crypto'
import { FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { PackedStream, type PackedForm } from '../../control/packed-stream.ts'
import { SLICES_REMOVED_AT_ONCE } from '../limits.ts'
import { transact } from '../store.ts'
import type { Store, Transaction } from '../store.ts'
import { nextTurn } from '../turns.ts'
import { DROPPED, parseDropped, sliceKey } from './records.ts'
import type { DroppedRecord } from './records.ts'

/*
 * The bytes of a bundle lie in the store in slices, which are read, written and removed few at a time, so that no request
 * waits for long and no bundle is in memory as a whole.
 */

/** How many slices so many bytes take. */
function sliceCount(bytes: number): number {
  return Math.ceil(bytes / FUNCTIONS_SLICE_BYTES)
}

/** Writes a slice. @param offset in the bundle, a multiple of FUNCTIONS_SLICE_BYTES */
export function setSlice(transaction: Transaction, uploadId: string, offset: number, slice: Uint8Array): void {
  transaction.set(sliceKey(uploadId, offset / FUNCTIONS_SLICE_BYTES), Buffer.from(slice).toString('base64'))
}

/** Leaves the slices of so many bytes to {@link removeDropped}: a large bundle takes longer than one commit may. */
export function dropSlices(transaction: Transaction, uploadId: string, bytes: number): void {
  transaction.set(DROPPED + uploadId, JSON.stringify({ bytes } satisfies DroppedRecord))
}

/**
 * Removes what was dropped, here or by another manager, also what one that has ended did not come to. Call it after each
 * transaction that may have dropped something.
 */
export async function removeDropped(store: Store): Promise<void> {
  for (const { key } of await store.list(DROPPED)) {
    while (await removeSome(store, key)) await nextTurn()
  }
}

/** Removes the last slices of one upload. @returns whether there are more */
async function removeSome(store: Store, key: string): Promise<boolean> {
  return transact(store, async (transaction) => {
    const known = await transaction.get(key)
    if (known === null) return false
    const there = sliceCount(parseDropped(known).bytes)
    const left = Math.max(0, there - SLICES_REMOVED_AT_ONCE)
    const uploadId = key.slice(DROPPED.length)
    for (let number = left; number < there; number++) transaction.set(sliceKey(uploadId, number), null)
    const record: DroppedRecord = { bytes: left * FUNCTIONS_SLICE_BYTES }
    transaction.set(key, left === 0 ? null : JSON.stringify(record))
    return left > 0
  })
}

/** null when it is not there. @param offset as for {@link setSlice} */
export async function readSlice(
  store: Store,
  uploadId: string,
  offset: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const entry = await store.get(sliceKey(uploadId, offset / FUNCTIONS_SLICE_BYTES))
  return entry === null ? null : Buffer.from(entry.value, 'base64')
}

/** The SHA-256 of a module in the store, in lower-case hex. */
export async function digestSlices(store: Store, uploadId: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  for await (const slice of slicesOf(store, uploadId, bytes)) hash.update(slice)
  return hash.digest('hex')
}

/**
 * Verifies a packed bundle in the store: its manifest, and each of its files.
 *
 * @throws {RfaasError} `invalid_argument`, with what differs
 */
export async function verifyPacked(store: Store, uploadId: string, form: PackedForm): Promise<void> {
  const stream = new PackedStream(form)
  for await (const slice of slicesOf(store, uploadId, form.bytes)) stream.write(slice)
  stream.end()
}

/** The slices that are there, with a turn of the event loop after each. */
async function* slicesOf(store: Store, uploadId: string, bytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let number = 0; number < sliceCount(bytes); number++) {
    const slice = await readSlice(store, uploadId, number * FUNCTIONS_SLICE_BYTES)
    if (slice !== null) yield slice
    await nextTurn()
  }
}
