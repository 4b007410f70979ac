import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'

import { FUNCTIONS_SLICE_BYTES } from '../../control/limits.ts'
import type { PackedForm } from '../../control/packed-stream.ts'
import { testPacked } from '../../control/test-packed.ts'
import { readPacked, type DeployedBytes } from './download.ts'

/** A manager that has these bytes, and notes which were read. */
function source(form: PackedForm, bytes: Uint8Array, read: number[] = []): DeployedBytes {
  const readFunctions = ({ offset = 0 }: { offset?: number }) => {
    read.push(offset)
    return Promise.resolve({ slice: bytes.slice(offset, offset + FUNCTIONS_SLICE_BYTES) })
  }
  const rpc = { readFunctions } as unknown as DeployedBytes['rpc']
  return { rpc, what: 'the functions pricing@1', ...form }
}

describe('readPacked', () => {
  const { form, bytes, manifest, contents } = testPacked([
    randomBytes(10),
    randomBytes(2 * FUNCTIONS_SLICE_BYTES),
    randomBytes(7),
  ])

  it('gives the manifest first, and reads the contents only as they are taken', async () => {
    const read: number[] = []
    const packed = await readPacked(source(form, bytes, read))
    assert.deepEqual([packed.sha256, packed.manifest], [form.sha256, manifest])
    assert.deepEqual(read, [0])
    assert.deepEqual(Buffer.concat(await Array.fromAsync(packed.slices())), Buffer.from(contents))
    assert.deepEqual(read, [0, FUNCTIONS_SLICE_BYTES, 2 * FUNCTIONS_SLICE_BYTES])
  })

  it('reads a manifest that is longer than a slice', async () => {
    const many = testPacked([...Array.from({ length: 11_000 }, (_, index) => Buffer.from(`${index}`))])
    assert.ok(many.form.manifestBytes > FUNCTIONS_SLICE_BYTES)
    const packed = await readPacked(source(many.form, many.bytes))
    assert.deepEqual(packed.manifest, many.manifest)
    assert.deepEqual(Buffer.concat(await Array.fromAsync(packed.slices())), Buffer.from(many.contents))
  })

  it('refuses other bytes, in the manifest or later, and slices of another length', async () => {
    const spoiled = (place: number): Uint8Array => {
      const copy = bytes.slice()
      copy[place]! ^= 1
      return copy
    }
    await assert.rejects(readPacked(source(form, spoiled(3))), {
      code: 'internal',
      message: /Cannot use the functions pricing@1: the manager sent other bytes: .* of its manifest is/,
    })
    const packed = await readPacked(source(form, spoiled(bytes.byteLength - 1)))
    await assert.rejects(Array.fromAsync(packed.slices()), { code: 'internal', message: /the SHA-256 of files\/2 is/ })
    const short = await readPacked(source(form, bytes.subarray(0, -1)))
    await assert.rejects(Array.fromAsync(short.slices()), {
      code: 'internal',
      message: /the manager sent \d+ bytes at/,
    })
  })
})
