import { RfaasError } from 'rfaas'
import type { Job, Result } from '../beside-piscina/job.ts'
import { imageOf, LINES } from './lines.ts'

/** Reads lines of text from images. */
export class ImageRecognition implements Job {
  readonly functions: URL = new URL('./functions.ts', import.meta.url)
  readonly name = 'readLine'
  readonly leasedName = 'readLine'
  readonly title = 'Image recognition: reads a line of text'
  readonly inputs: readonly Uint8Array[]
  readonly #expected: readonly string[]

  private constructor(images: readonly Uint8Array[], calls: number) {
    this.inputs = Array.from({ length: calls }, (_, call) => images[call % images.length]!)
    this.#expected = this.inputs.map((_, call) => LINES[call % LINES.length]!)
  }

  static async make(calls: number): Promise<ImageRecognition> {
    return new ImageRecognition(await Promise.all(LINES.map(imageOf)), calls)
  }

  async check(results: readonly Result[]): Promise<string> {
    const wrong = results.findIndex((text, call) => text !== this.#expected[call])
    if (wrong >= 0 || results.length !== this.#expected.length)
      throw new RfaasError(
        'internal',
        `Image ${wrong} says "${this.#expected[wrong]}", but "${results[wrong]}" was read`,
      )
    return `checked: each text is the one that was written, such as "${results[0]}"`
  }
}
