import { strict as assert } from 'node:assert'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { deserialize, serialize } from 'node:v8'

import type { LoadedFunction } from './load.ts'
import { assemble, DEMANDING, IMPORTING, KERNEL, RANDOM } from './test-wasm.ts'
import { kindOfBundle } from './bundle-kind.ts'
import { compileWasm } from './wasm-compile.ts'
import { wasmFunctions } from './wasm-functions.ts'

const MIB = 2 ** 20

describe('wasmFunctions', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-wasm-'))))
  after(() => rm(folder, { recursive: true }))

  async function load(binary: Uint8Array, memoryMib = 16): Promise<Map<string, LoadedFunction>> {
    const path = join(folder, 'module.wasm')
    await writeFile(path, binary)
    const functions = await wasmFunctions(await compileWasm(path, memoryMib * MIB))
    return new Map(functions.map((f) => [f.name, f]))
  }

  type Call = (...args: unknown[]) => unknown
  const typed = (functions: Map<string, LoadedFunction>, name: string): Call => functions.get(name)!.call as Call
  const sum = (functions: Map<string, LoadedFunction>, input: Uint8Array, outputBytes = 64): number => {
    const { call } = functions.get('raw_sum') as { call: (input: Uint8Array, output: Uint8Array) => number }
    const output = new Uint8Array(outputBytes)
    assert.equal(call(input, output), 4)
    return new DataView(output.buffer).getInt32(0, true)
  }

  test('gives exported functions, sorted, without what compilers export for themselves', async () => {
    const functions = await load(assemble(KERNEL))
    assert.deepEqual([...functions.keys()], ['add', 'both', 'grow', 'half', 'next', 'raw_sum', 'trap'])
    assert.deepEqual([...functions.values()].filter(({ raw }) => raw).map(({ name }) => name), ['raw_sum']) // prettier-ignore
    assert.deepEqual(typed(functions, 'both')(7), [7, 8])
    assert.throws(() => typed(functions, 'trap')(), { name: 'RuntimeError' })
  })

  test('refuses arguments of the wrong number or kind, with the signature', async () => {
    const functions = await load(assemble(KERNEL))
    const refused = (name: string, args: unknown[], message: RegExp): void =>
      assert.throws(() => typed(functions, name)(...args), { name: 'TypeError', message })
    refused('add', [1], /^add is \(i32, i32\) → i32, not for \(1\)/)
    refused('add', [1, '2'], /not for \(1, '2'\)/)
    refused('next', [1], /^next is \(i64\) → i64, not for \(1\); an i64 is a bigint/)
    assert.equal(typed(functions, 'next')(1n), 2n)
  })

  test('bytes have their own place in the memory, larger ones a larger place, also after the memory has grown', async () => {
    const functions = await load(assemble(KERNEL))
    assert.equal(sum(functions, new Uint8Array(100).fill(1)), 100)
    assert.equal(sum(functions, new Uint8Array(1_000_000).fill(1)), 1_000_000)
    typed(functions, 'grow')(3)
    assert.equal(sum(functions, Uint8Array.of(1, 2), 100_000), 3)
    assert.equal(sum(functions, new Uint8Array(0)), 0)
  })

  test('the memory grows to its bound; what needs more is refused, and less goes on', async () => {
    const functions = await load(assemble(KERNEL), 2)
    assert.throws(() => sum(functions, new Uint8Array(2 * MIB)), {
      name: 'RangeError',
      message: /has no room for 2097152 bytes of input and 64 of result of raw_sum; lease with more memoryMib/,
    })
    assert.equal(sum(functions, Uint8Array.of(5)), 5)
    assert.equal(typed(functions, 'grow')(32), -1)
  })

  test('an imported memory is made, WASI is there', async () => {
    assert.equal(sum(await load(assemble(IMPORTING)), Uint8Array.of(4, 5)), 9)
    const random = typed(await load(assemble(RANDOM)), 'random')
    assert.ok(new Set([random(), random(), random()]).size > 1)
  })

  test('what cannot be loaded is module_failed, with a sentence', async () => {
    const fails = (binary: Uint8Array, message: RegExp): Promise<void> =>
      assert.rejects(load(binary), { code: 'module_failed', message })
    await fails(assemble(DEMANDING), /it imports env\.paint; a node provides wasi_snapshot_preview1/)
    const large = assemble({ ...KERNEL, memory: { minPages: 1024 } })
    await fails(large, /its memory begins with 64 MiB, a worker has 16 MiB; lease with more memoryMib/)
    const five = { ...IMPORTING.functions[0]!, name: 'raw_add', parameters: [0x7f, 0x7f, 0x7f, 0x7f, 0x7f] }
    await fails(
      assemble({ ...KERNEL, functions: [five] }),
      /raw_add is \(i32, i32, i32, i32, i32\) → i32; a function of/,
    )
    await fails(assemble(KERNEL).subarray(0, 40), /Cannot load the functions: WebAssembly/)
    const program = assemble({ ...RANDOM, functions: [{ ...RANDOM.functions[0]!, name: '_start' }] })
    await fails(program, /it is a program of WASI .* link it with -mexec-model=reactor/)
    await writeFile(join(folder, 'empty'), '')
    assert.equal(kindOfBundle(join(folder, 'empty')), 'javascript')
    assert.equal(kindOfBundle(import.meta.filename), 'javascript')
  })

  test('V8 has no form of a compiled module for another process: when this fails, compile once per node', async () => {
    const path = join(folder, 'module.wasm')
    await writeFile(path, assemble(KERNEL))
    const { module } = await compileWasm(path, 16 * MIB)
    assert.ok(structuredClone(module), 'for another thread there is one')
    assert.throws(() => deserialize(serialize(module)) as unknown, /Unable to deserialize/)
  })
})
