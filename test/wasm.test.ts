/** WebAssembly modules as functions, over every fabric. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import type { Lease, RawFunction, RfaasError } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import { assemble, DEMANDING, KERNEL } from '../packages/rfaas/src/executor/test-wasm.ts'

interface Kernel {
  add(a: number, b: number): number
  half(value: number): number
  next(value: bigint): bigint
  both(value: number): [number, number]
  grow(pages: number): number
  trap(): void
  raw_sum: RawFunction
}

const CLANG = spawnSync('clang', ['--target=wasm32', '--version']).status === 0 && spawnSync('wasm-ld', ['--version']).status === 0 // prettier-ignore

describe('a WebAssembly module', () => {
  const here = embedded()
  const file = (name: string): string => join(here.scene.folder, name)
  const lease = (options: object = {}): Promise<Lease<Kernel>> =>
    here.cluster.lease<Kernel>({ functions: file('kernel.wasm'), ...options })
  const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)

  before(() => {
    writeFileSync(file('kernel.wasm'), assemble(KERNEL))
    writeFileSync(file('demanding.wasm'), assemble(DEMANDING))
  })

  for (const fabric of FABRICS) {
    test(`over ${fabric}: functions of numbers and of bytes, on each worker`, async () => {
      await using kernel = await lease({ fabric, cores: 2 })
      assert.deepEqual(kernel.functions, ['add', 'both', 'grow', 'half', 'next', 'raw_sum', 'trap'])
      assert.equal(await kernel.call.add(1, 2), 3)
      assert.equal(kernel.callSync.half(5), 2.5)
      assert.equal(await kernel.call.next(2n ** 62n), 2n ** 62n + 1n)
      assert.deepEqual(await kernel.call.both(7), [7, 8])
      const sums = await kernel.each.raw_sum(new Uint8Array(1000).fill(255))
      assert.deepEqual(sums.map(numberOf), [255_000, 255_000])
      using slot = kernel.reserve(200_000)
      slot.input.fill(1)
      assert.equal(numberOf(kernel.invokeSync('raw_sum', slot)), 200_000)
      // Smaller again: nothing of the larger input counts.
      assert.equal(numberOf(await kernel.call.raw_sum(Uint8Array.of(1, 2, 3))), 6)
      assert.equal(numberOf(await kernel.call.raw_sum(new Uint8Array(0))), 0)
    })
  }

  test('its memory grows as far as the memory of its worker, and no further', async () => {
    await using kernel = await lease({ memoryMib: 128, cores: 2, payloadBytesMax: 1024 })
    assert.equal(await kernel.call.grow(16), 1)
    assert.equal(await kernel.call.grow(4096), -1)
    assert.equal(numberOf(await kernel.call.raw_sum(Uint8Array.of(4))), 4)
    await assert.rejects(kernel.call.trap(), ({ cause }: RfaasError) => (cause as Error).name === 'RuntimeError')
  })

  test('what it imports and nobody provides fails the lease; so does a kind that is for JavaScript', async () => {
    const functions = file('demanding.wasm')
    await assert.rejects(lease({ functions }), error('module_failed', /it imports env\.paint; a node provides/))
    await assert.rejects(lease({ kind: 'lambda' }), error('invalid_argument', /kind lambda is for JavaScript modules/))
  })

  test('of C, as clang compiles it', { skip: CLANG ? false : 'clang or wasm-ld is missing' }, async () => {
    const source = join(import.meta.dirname, '../examples/wasm/kernel.c')
    const options = ['--target=wasm32', '-O3', '-mbulk-memory', '-nostdlib', '-Wl,--no-entry']
    const { status, stderr } = spawnSync('clang', [...options, '-o', file('c.wasm'), source], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    interface Compiled {
      mix(a: number, b: number, t: number): number
      raw_histogram: RawFunction
    }
    await using compiled = await here.cluster.lease<Compiled>({ functions: file('c.wasm') })
    assert.deepEqual(compiled.functions, ['mix', 'raw_histogram'])
    assert.equal(await compiled.call.mix(1, 3, 0.25), 1.5)
    const counts = new Uint32Array((await compiled.call.raw_histogram(Uint8Array.of(7, 7, 200))).buffer)
    assert.deepEqual([counts.length, counts[7], counts[200], counts[0]], [256, 2, 1, 0])
  })
})
