/// <reference path="../beside-piscina/packages.d.ts" />
import sharp from 'sharp'

/** 12 megapixels, as of a phone. */
export const PHOTO = { width: 4000, height: 3000 } as const
/** Makes about 2 MB of 12 megapixels. */
const QUALITY = 80
/** The picture is made in this much smaller size, so that its grain has a few pixels, as that of a photograph. */
const GRAIN_PIXELS = 4

/**
 * Makes a photograph: soft waves of colour with grain, the same ones at every time. The work of a decoder depends on
 * how much detail there is, not on what is to be seen.
 *
 * @param width pixels, a multiple of 4, as `height`
 * @returns a JPEG file
 */
export async function makePhoto({ width, height }: { width: number; height: number } = PHOTO): Promise<Uint8Array> {
  const columns = width / GRAIN_PIXELS
  const rows = height / GRAIN_PIXELS
  const pixels = new Uint8Array(columns * rows * 3)
  let state = 1
  for (let i = 0; i < pixels.length; i++) {
    const channel = i % 3
    const x = Math.floor(i / 3) % columns
    const y = Math.floor(i / 3 / columns)
    // xorshift with 32 bits, Marsaglia, Journal of Statistical Software 8 (14), 2003.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const wave = 60 * Math.sin(x / (90 + 40 * channel)) * Math.cos(y / (70 + 30 * channel))
    pixels[i] = 128 + wave + ((state >>> 0) % 64) - 32
  }
  return sharp(pixels, { raw: { width: columns, height: rows, channels: 3 } })
    .resize(width, height, { fit: 'fill' })
    .jpeg({ quality: QUALITY })
    .toBuffer()
}
