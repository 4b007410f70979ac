/// <reference path="../beside-piscina/packages.d.ts" />
import { createRequire } from 'node:module'
import sharp from 'sharp'

const FONT_FILE = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf')
const MARGIN_PIXELS = 10

/** What is written in the images: ordinary lines of receipts, signs and letters. */
export const LINES = [
  'Total: 1,284.50 EUR',
  'Gate 12 opens at 09:35',
  'Pack my box with five',
  'Order 4711 of 2026',
] as const

/** Writes a line of text, black on white. @returns a PNG file */
export async function imageOf(text: string): Promise<Uint8Array> {
  const margins = { top: MARGIN_PIXELS, bottom: MARGIN_PIXELS, left: MARGIN_PIXELS, right: MARGIN_PIXELS }
  return sharp({ text: { text, font: 'DejaVu Sans 40', fontfile: FONT_FILE, dpi: 72 } })
    .flatten({ background: '#000' })
    .negate()
    .extend({ ...margins, background: '#fff' })
    .png()
    .toBuffer()
}
