import { createHash, hash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/** Files up to this size are read at once: a stream costs more than their bytes. */
const AT_ONCE_BYTES_MAX = 1024 * 1024

/**
 * The SHA-256 of a file, 64 lower-case hex digits.
 *
 * @param sizeBytes as far as known; decides only how it is read
 * @throws {Error} of the system
 */
export async function fileDigest(path: string, sizeBytes: number): Promise<string> {
  if (sizeBytes <= AT_ONCE_BYTES_MAX) return hash('sha256', readFileSync(path))
  const digest = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: AT_ONCE_BYTES_MAX }), digest)
  return digest.digest('hex')
}

/** Lets the event loop turn now and then while many files are read without a pause. */
export class Pauses {
  #sinceMs = performance.now()

  /** Call it after each file. */
  async pause(): Promise<void> {
    if (performance.now() - this.#sinceMs < PAUSE_INTERVAL_MS) return
    await new Promise<void>((resolve) => void setImmediate(resolve))
    this.#sinceMs = performance.now()
  }
}

const PAUSE_INTERVAL_MS = 10
