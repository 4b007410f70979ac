/// <reference path="../beside-piscina/packages.d.ts" />
import { RfaasError } from 'rfaas'
import sharp from 'sharp'
import type { Job, Result } from '../beside-piscina/job.ts'
import { SIDE } from './functions.ts'
import { makePhoto } from './photo.ts'

/** Makes thumbnails of a photograph. */
export class Thumbnailer implements Job {
  readonly functions: URL = new URL('./functions.ts', import.meta.url)
  readonly name = 'thumbnail'
  readonly leasedName = 'thumbnailInPlace'
  readonly title: string
  readonly inputs: readonly Uint8Array[]

  private constructor(photo: Uint8Array, calls: number) {
    this.title = `Thumbnails of a photograph of ${(photo.length / 1e6).toFixed(1)} MB`
    this.inputs = Array.from({ length: calls }, () => photo)
  }

  /**
   * @param photo an image file, which each call gets; null: one that is made here
   * @throws {RfaasError} `invalid_argument` for something else than an image
   */
  static async make(calls: number, photo: Uint8Array | null): Promise<Thumbnailer> {
    try {
      if (photo !== null) await sharp(photo).metadata()
    } catch (error) {
      const { message } = error as Error
      throw new RfaasError('invalid_argument', `Cannot make thumbnails of this file: ${message}`, { cause: error })
    }
    return new Thumbnailer(photo ?? (await makePhoto()), calls)
  }

  async check(results: readonly Result[]): Promise<string> {
    const found = await Promise.all(results.map((file) => sharp(file as Uint8Array).metadata()))
    for (const [index, { format, width, height }] of found.entries()) {
      if (format !== 'jpeg' || Math.max(width, height) !== SIDE)
        throw new RfaasError('internal', `Thumbnail ${index} is wrong: a ${format} of ${width} × ${height} pixels`)
    }
    const { width, height } = found[0]!
    return `checked: each is a JPEG of ${width} × ${height} pixels, the same in all ways`
  }
}
