import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { encodeManifest } from '../../control/bundle-manifest.ts'
import { DEPLOYED_BYTES_MAX, FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import { PackedStream } from '../../control/packed-stream.ts'
import { bundle, type Bundle } from '../bundle/bundle.ts'
import { testFolder } from '../bundle/test-folder.ts'
import { uploadOf } from './upload.ts'

describe('uploadOf', () => {
  const here = testFolder()

  it('is the module alone, when it is whole by itself', async () => {
    const made = await bundle(await here.file('whole.ts', 'export const one = () => 1'))
    const { slices, ...form } = await uploadOf(made)
    assert.deepEqual(form, { sha256: made.sha256, bytes: made.code.byteLength, manifestBytes: 0 })
    const sent: Uint8Array[] = []
    for await (const slice of slices()) sent.push(slice)
    assert.deepEqual(Buffer.concat(sent), Buffer.from(made.code))
  })

  it('is otherwise its manifest and all that it loads, in full slices', async () => {
    const path = await here.file('main.ts', `export const at = () => new URL('./data/large.bin', import.meta.url)`)
    await mkdir(join(here.path, 'data'))
    await writeFile(join(here.path, 'data/large.bin'), Buffer.alloc(FUNCTIONS_SLICE_BYTES, 'x'))
    const { slices, ...form } = await uploadOf(await bundle(path))
    const stream = new PackedStream(form)
    const sizes: number[] = []
    for await (const slice of slices()) {
      sizes.push(slice.byteLength)
      stream.write(slice)
    }
    stream.end()
    assert.deepEqual(sizes, [FUNCTIONS_SLICE_BYTES, form.bytes - FUNCTIONS_SLICE_BYTES])
  })

  it('is refused when it is too large, with the package that takes most', async () => {
    const manifest = encodeManifest({
      files: [
        { path: 'module.mjs', sizeBytes: 5, sha256: 'a'.repeat(64), isExecutable: false },
        { path: 'files/node_modules/@x/model/a.bin', sizeBytes: DEPLOYED_BYTES_MAX, sha256: '', isExecutable: false },
      ].map((file) => ({ ...file, sha256: 'a'.repeat(64) })),
      links: [],
    })
    const packed = { sha256: '', manifest, totalBytes: DEPLOYED_BYTES_MAX + 5, slices: () => assert.fail() }
    const made: Bundle = { sha256: '', code: new Uint8Array(), places: [], pack: () => Promise.resolve(packed) }
    await assert.rejects(uploadOf(made), {
      code: 'module_failed',
      message:
        /its bundle has \d+ bytes in 2 files, of which 536870912 are of @x\/model; at most 536870912 are allowed/,
    })
  })
})
