import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'

import { isWasm, readWasm } from './wasm-binary.ts'
import { webAssembly, type WasmMemory } from './web-assembly.ts'

const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
/** A section that exports the first memory as `m`. */
const EXPORTS_MEMORY = [7, 5, 1, 1, 0x6d, 2, 0]
const bytes = (...sections: number[][]): Uint8Array<ArrayBuffer> => Uint8Array.from([...HEAD, ...sections.flat()])
const memory = (...limits: number[]): number[] => [5, 1 + limits.length, 1, ...limits]

/** The most pages to which the memory of a module grows, looked for below 300. */
async function growsTo(binary: Uint8Array): Promise<number> {
  const { exports } = await webAssembly.instantiate(await webAssembly.compile(binary), {})
  const grown = exports['m'] as WasmMemory
  const pages = (): number => grown.buffer.byteLength / 65_536
  try {
    while (pages() < 300) grown.grow(1)
  } catch {
    // Its maximum is reached.
  }
  return pages()
}

describe('readWasm', () => {
  test('gives every memory a maximum, and leaves a smaller one', async () => {
    const cases: [limits: number[], maxPages: number, expected: number, minPages: number][] = [
      [[0, 1], 200, 200, 1],
      [[1, 1, 4], 200, 4, 1],
      [[1, 2, 0xac, 2], 130, 130, 2],
      [[0, 0x83, 1], 131, 131, 131],
      [[0, 0], 1, 1, 0],
    ]
    for (const [limits, maxPages, expected, minPages] of cases) {
      const read = readWasm(bytes(memory(...limits), EXPORTS_MEMORY), maxPages)
      assert.equal(read.minPages, minPages)
      assert.ok(webAssembly.validate(read.bounded), String(limits))
      assert.equal(await growsTo(read.bounded), expected, String(limits))
    }
  })

  test('has the types of exported functions, also behind imported ones, and of imported memories', () => {
    const types = [1, 13, 3, 0x60, 0, 0, 0x60, 2, 0x7f, 0x7e, 1, 0x7d, 0x60, 1, 0x7b, 0]
    types[1] = types.length - 2
    const importsFunctionAndMemory = [2, 15, 2, 1, 0x65, 1, 0x66, 0, 0, 1, 0x65, 1, 0x6d, 2, 1, 3, 9]
    const functions = [3, 3, 2, 1, 2]
    const exports = [7, 9, 2, 1, 0x61, 0, 1, 1, 0x62, 0, 2]
    const read = readWasm(bytes(types, importsFunctionAndMemory, functions, exports), 5)
    assert.deepEqual([...read.functions], [
      ['a', { parameters: ['i32', 'i64'], results: ['f32'] }],
      ['b', { parameters: ['other'], results: [] }],
    ]) // prettier-ignore
    assert.deepEqual([...read.importedMemories], [['e.m', { min: 3, max: 5, isShared: false }]])
    assert.equal(read.minPages, 3)
  })

  test('leaves all other sections as they are', () => {
    const custom = [0, 6, 4, 0x6e, 0x61, 0x6d, 0x65, 1]
    const binary = bytes(custom, memory(1, 1, 1), EXPORTS_MEMORY, custom)
    assert.deepEqual(readWasm(binary, 10).bounded, binary)
  })

  test('refuses what it does not know, and what is cut off', () => {
    assert.throws(() => readWasm(bytes(memory(4, 1)), 10), /a memory of 64 bits is not supported/)
    assert.throws(() => readWasm(bytes([1, 2, 1, 0x5f]), 10), /a type of form 0x5f is not supported/)
    assert.throws(() => readWasm(bytes([5, 3, 1]), 10), /it ends in the middle/)
    assert.equal(isWasm(Uint8Array.from(HEAD)), true)
    assert.equal(isWasm(Buffer.from('import')), false)
    assert.equal(isWasm(Uint8Array.of(0)), false)
  })
})
