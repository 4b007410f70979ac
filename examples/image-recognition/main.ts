import { runBesidePiscina } from '../beside-piscina/run.ts'
import type { Outcome } from '../shared/outcome.ts'
import { installFor } from '../shared/packages.ts'

/**
 * Reads lines of text from images in this thread, on piscina and on leased workers.
 *
 * @param calls in each round
 * @throws {RfaasError} as `installFor` and `compare`
 */
export async function runImageRecognition(calls: number, rounds: number, signal: AbortSignal): Promise<Outcome> {
  await installFor('image-recognition', new URL('./', import.meta.url))
  // Not before its packages are there.
  const { ImageRecognition } = await import('./job.ts')
  return runBesidePiscina(await ImageRecognition.make(calls), rounds, signal)
}
