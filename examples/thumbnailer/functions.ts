/// <reference path="../beside-piscina/packages.d.ts" />
/** The functions: they run alike in this thread, in piscina's threads and on leased workers. */
import { raw } from 'rfaas/functions'
import sharp from 'sharp'

/** Pixels of the longer side. */
export const SIDE = 200
const QUALITY = 80

// Each call has one thread of libvips: there are as many workers as cores already, and threads beyond that only make
// them wait for each other.
sharp.concurrency(1)
// Every call decodes its photograph anew, also when it is the same one.
sharp.cache(false)

/** @param photo an image file, in any format that sharp reads @returns a JPEG file */
export async function thumbnail(photo: Uint8Array): Promise<Uint8Array> {
  return sharp(photo).autoOrient().resize(SIDE, SIDE, { fit: 'inside' }).jpeg({ quality: QUALITY }).toBuffer()
}

/** The same in place: sharp reads the photograph where the client wrote it, and no copy is made in the worker. */
export const thumbnailInPlace = raw(async (photo, output) => {
  const file = await thumbnail(photo)
  output.set(file)
  return file.length
})
