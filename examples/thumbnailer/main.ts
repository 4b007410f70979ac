import { readFileSync } from 'node:fs'
import { RfaasError } from 'rfaas'
import { runBesidePiscina } from '../beside-piscina/run.ts'
import type { Outcome } from '../shared/outcome.ts'
import { installFor } from '../shared/packages.ts'

/**
 * Makes thumbnails of a photograph in this thread, on piscina and on leased workers.
 *
 * @param calls in each round
 * @param photo an image file; null: the program makes a photograph
 * @throws {RfaasError} `invalid_argument` when `photo` is no image; as `installFor` and `compare`
 */
export async function runThumbnailer(
  calls: number,
  photo: Uint8Array | null,
  rounds: number,
  signal: AbortSignal,
): Promise<Outcome> {
  await installFor('thumbnailer', new URL('./', import.meta.url))
  // Not before its packages are there.
  const { Thumbnailer } = await import('./job.ts')
  return runBesidePiscina(await Thumbnailer.make(calls, photo), rounds, signal)
}

/** @throws {RfaasError} `invalid_argument` when the file cannot be read */
export function readPhoto(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const { message } = error as Error
    throw new RfaasError('invalid_argument', `Cannot read the photograph ${path}: ${message}`, { cause: error })
  }
}
