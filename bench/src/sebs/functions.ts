import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

/** What a function is called with, again and again, and what is right. */
export interface Input extends AsyncDisposable {
  readonly event: object
  /** @throws Error when the result is wrong */
  check(result: unknown): Promise<void>
}

/** One benchmark of the suite: its number and name there, and an input of the kind that its own generator makes. */
export interface SebsFunction {
  readonly name: string
  /**
   * @param stage the folder with the function and its packages
   * @param storage the folder that the module `storage` uses; files in it are deleted by the caller
   */
  prepare(stage: string, storage: string): Promise<Input>
}

const BUCKET = 'bucket'
const RANDOM_NUMBERS = 1000
const UPLOAD_BYTES = 230_000
const FILES = 16
const WIDTH = 1600
const HEIGHT = 1200
const THUMBNAIL = 200
const PRODUCTS = 5

/** Where the functions put files, whatever TMPDIR says. They leave them there. */
const LEFT = '/tmp'

/** Names of what a function leaves behind begin with this. */
const makeMark = (): string => `rfaas-sebs-${randomUUID()}`

async function removeMarked(mark: string): Promise<void> {
  const names = (await readdir(LEFT)).filter((name) => name.startsWith(mark))
  await Promise.all(names.map((name) => rm(join(LEFT, name), { recursive: true, force: true })))
}

const dynamicHtml: SebsFunction = {
  name: '110.dynamic-html',
  async prepare() {
    return {
      event: { username: 'testname', random_len: RANDOM_NUMBERS },
      async check(result) {
        const html = (result as { result: string }).result
        expect(html.includes('Welcome testname!'), 'it does not greet')
        expect(html.split('<li>').length - 1 === RANDOM_NUMBERS, 'it has another number of items')
      },
      async [Symbol.asyncDispose]() {},
    }
  },
}

const uploader: SebsFunction = {
  name: '120.uploader',
  async prepare(_stage, storage) {
    const bytes = Buffer.alloc(UPLOAD_BYTES, 'a file on the web ')
    const server = createServer((_request, response) => void response.end(bytes)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const mark = makeMark()
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${mark}.bin`
    return {
      event: { bucket: { bucket: BUCKET, output: 'uploads' }, object: { url } },
      async check(result) {
        const { key } = (result as { result: { key: string } }).result
        const found = await readFile(join(storage, BUCKET, key))
        // Calls that run at once download to the same place, which the first one that ends may see half-written.
        expect(found.length <= bytes.length && found.equals(bytes.subarray(0, found.length)), 'another file is stored')
      },
      async [Symbol.asyncDispose]() {
        server.close()
        server.closeAllConnections()
        await removeMarked(mark)
      },
    }
  },
}

const crud: SebsFunction = {
  name: '130.crud-api',
  async prepare() {
    const cart = randomUUID()
    const requests = Array.from({ length: PRODUCTS }, (_, i) => [
      {
        route: 'PUT /cart',
        body: { cart, product_id: `product-${i}`, name: `Product ${i}`, price: 100 * i, quantity: i },
      },
      { route: 'GET /cart', body: { cart } },
    ]).flat()
    const total = Array.from({ length: PRODUCTS }, (_, i) => 100 * i * i).reduce((a, b) => a + b)
    return {
      event: { requests },
      async check(result) {
        const found = (result as { result: { products?: string[]; total_cost?: number }[] }).result.at(-1)!
        expect(found.products?.length === PRODUCTS && found.total_cost === total, 'the cart is another one')
      },
      async [Symbol.asyncDispose]() {},
    }
  },
}

const thumbnailer: SebsFunction = {
  name: '210.thumbnailer',
  async prepare(stage, storage) {
    await mkdir(join(storage, BUCKET, 'photos'), { recursive: true })
    await writeFile(join(storage, BUCKET, 'photos/photo.jpg'), await photo(stage))
    return {
      event: {
        bucket: { bucket: BUCKET, input: 'photos', output: 'thumbnails' },
        object: { key: 'photo.jpg', width: THUMBNAIL, height: THUMBNAIL },
      },
      async check(result) {
        const { key } = (result as { result: { key: string } }).result
        const png = await readFile(join(storage, BUCKET, key))
        expect(png.subarray(1, 4).toString() === 'PNG' && png.readUInt32BE(16) === THUMBNAIL, 'it is no such thumbnail')
      },
      async [Symbol.asyncDispose]() {},
    }
  },
}

/** A JPEG, by the sharp that the function has; where it has none, bytes with the size in their first words. */
async function photo(stage: string): Promise<Uint8Array> {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3)
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * i) >> (i % 13)
  let sharp
  try {
    sharp = createRequire(join(stage, 'package.json'))('sharp')
  } catch {
    return pixels
  }
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg()
    .toBuffer()
}

const compression: SebsFunction = {
  name: '311.compression',
  async prepare(_stage, storage) {
    const mark = makeMark()
    const folder = join(storage, BUCKET, 'folders', mark)
    await mkdir(folder, { recursive: true })
    for (let i = 0; i < FILES; i++) {
      const line = createHash('sha256').update(`${i}`).digest('hex')
      await writeFile(join(folder, `${i}.txt`), `${line}\n`.repeat(400))
    }
    return {
      event: { bucket: { bucket: BUCKET, input: 'folders', output: 'archives' }, object: { key: mark } },
      async check(result) {
        const { key } = (result as { result: { key: string } }).result
        const archive = await readFile(join(storage, BUCKET, key))
        expect(archive.subarray(0, 2).toString() === 'PK', 'it is no archive')
        expect(archive.length < FILES * 400 * 65, 'it is not smaller than the files')
      },
      [Symbol.asyncDispose]: () => removeMarked(mark),
    }
  },
}

export const SEBS_FUNCTIONS: readonly SebsFunction[] = [dynamicHtml, uploader, crud, thumbnailer, compression]

function expect(is: boolean, complaint: string): void {
  if (!is) throw new Error(`The result is wrong: ${complaint}`)
}
