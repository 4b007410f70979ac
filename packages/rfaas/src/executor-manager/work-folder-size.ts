import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'

import { WORK_FILE_BYTES_MIN } from './limits.ts'

/** Unit of `blocks` in what `stat` says, whatever the file system. */
const BLOCK_BYTES = 512

/**
 * What is in a folder, in bytes on the disk: not the lengths of the files, because parts that were never written take nothing.
 * Each file and folder counts at least WORK_FILE_BYTES_MIN. Files that are deleted but still open are not found.
 *
 * @param bytesMax counting ends when there are more
 * @throws nothing: what is gone meanwhile, or cannot be read, does not count
 */
export async function folderBytes(folder: string, bytesMax: number): Promise<number> {
  let bytes = 0
  const pending = [folder]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const entries = await opendir(at).catch(() => null)
    if (entries === null) continue
    try {
      for await (const entry of entries) {
        const path = join(at, entry.name)
        if (entry.isDirectory()) pending.push(path)
        const found = await lstat(path).catch(() => null)
        if (found !== null) bytes += Math.max(found.blocks * BLOCK_BYTES, WORK_FILE_BYTES_MIN)
        if (bytes > bytesMax) return bytes
      }
    } catch {
      continue
    }
  }
  return bytes
}
