import { statSync } from 'node:fs'

/** A file as one process sees it. Another process that sees the same identity at the same path sees the same file. */
export interface SeenFile {
  /** Absolute. */
  readonly path: string
  /** See {@link identityOf}. */
  readonly identity: string
}

/**
 * The device, the inode, the size and both times of a file in nanoseconds, as text; empty when there is no file. The
 * file system sets the time of the inode's change by itself, so two file systems do not agree on it by chance, also
 * where both were made from one image; the device distinguishes containers that share layers of their images.
 */
export function identityOf(path: string): string {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (found?.isFile() !== true) return ''
    return [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join()
  } catch {
    // A folder on the way that this user may not enter.
    return ''
  }
}

/** Whether this process sees all of these files as the other one does. */
export function seesAll(files: readonly SeenFile[]): boolean {
  return files.every(({ path, identity }) => identity !== '' && identityOf(path) === identity)
}
