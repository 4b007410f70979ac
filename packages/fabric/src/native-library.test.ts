import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'

import { NativeLibrary } from './native-library.ts'

const SOURCE = `
#include <stdint.h>
static uint32_t calls;
uint32_t count(void* in, uint32_t size, void* out) { return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST); }
uint32_t size_of(void* in, uint32_t size, void* out) { *(uint32_t*)out = size; return 4; }
uint32_t reverse(void* in, uint32_t size, void* out) {
  for (uint32_t i = 0; i < size; i++) ((uint8_t*)out)[i] = ((uint8_t*)in)[size - 1 - i];
  return size;
}
uint32_t beyond(void* in, uint32_t size, void* out) { return 0xffffffff; }
`

describe('NativeLibrary', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-library-'))
  const path = join(folder, 'library.so')
  before(() => {
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', path], { input: SOURCE })
  })
  after(() => rmSync(folder, { recursive: true }))

  it('calls a function on the bytes of both views, in place', () => {
    const reverse = new NativeLibrary(path).function('reverse')
    const memory = Uint8Array.of(0, 1, 2, 3, 0, 9, 9, 9, 9)
    assert.equal(reverse(memory.subarray(1, 4), memory.subarray(5, 8)), 3)
    assert.deepEqual(memory, Uint8Array.of(0, 1, 2, 3, 0, 3, 2, 1, 9))
    const sizeOf = new NativeLibrary(path).function('size_of')
    const output = new Uint8Array(4)
    for (const bytes of [0, 1, 70_000]) {
      assert.equal(sizeOf(new Uint8Array(bytes), output), 4)
      assert.equal(new DataView(output.buffer).getUint32(0, true), bytes)
    }
  })

  it('gives what the function returns as an unsigned number, whatever it says', () => {
    assert.equal(new NativeLibrary(path).function('beyond')(new Uint8Array(1), new Uint8Array(1)), 0xffff_ffff)
  })

  it('is the same library when it is opened again, also by another thread', async () => {
    const nothing = new Uint8Array(0)
    const before = new NativeLibrary(path).function('count')(nothing, nothing)
    const module = new URL('./native-library.ts', import.meta.url).href
    const program = `
      import { parentPort } from 'node:worker_threads'
      const { NativeLibrary } = await import(${JSON.stringify(module)})
      const nothing = new Uint8Array(0)
      parentPort.postMessage(new NativeLibrary(${JSON.stringify(path)}).function('count')(nothing, nothing))`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`))
    const there = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    assert.equal(there, before + 1)
    assert.equal(new NativeLibrary(path).function('count')(nothing, nothing), before + 2)
  })

  it('says why a library does not load, and that it has no such function', () => {
    assert.throws(() => new NativeLibrary(join(folder, 'absent.so')), {
      code: 'system',
      message: /^system: Cannot load \S+absent\.so: .*(cannot open shared object file|No such file)/,
    })
    for (const name of ['absent', '', 'x'.repeat(5000)])
      assert.throws(() => new NativeLibrary(path).function(name), {
        code: 'system',
        message: /Cannot find the function/,
      })
  })
})
