import { openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/* Every run writes a mark to a file, which stays when the process is killed. A mark is written whole or not at all. */

export const MARK_BYTES = 4

const files = new Map<string, number>()

function mark(path: string, id: number): void {
  let file = files.get(path)
  if (file === undefined) files.set(path, (file = openSync(path, 'a')))
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeUInt32LE(id)
  writeSync(file, bytes)
}

export function count(path: string, id: number): number {
  mark(path, id)
  return id
}

/** As {@link count}, with an answer of `bytes` bytes. */
export function countLarge(path: string, id: number, bytes: number): Uint8Array {
  mark(path, id)
  return new Uint8Array(bytes).fill(id)
}

/** Marks its run `ms` before it answers. */
export async function countLater(path: string, id: number, ms: number): Promise<number> {
  mark(path, id)
  await delay(ms)
  return id
}
