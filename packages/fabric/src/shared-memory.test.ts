import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { createSharedMemory, mapSharedMemory } from './shared-memory.ts'

const CHILD_FD = 3

describe('createSharedMemory', () => {
  it('is zeroed, has the asked size, and is the same memory wherever it is mapped', () => {
    const memory = createSharedMemory(5000)
    assert.equal(memory.buffer.byteLength, 5000)
    assert.ok(new Uint8Array(memory.buffer).every((byte) => byte === 0))
    const again = mapSharedMemory(memory.fd, 5000)
    new Uint8Array(memory.buffer)[4999] = 7
    assert.equal(new Uint8Array(again)[4999], 7)
    memory.close()
    // A mapping outlives the descriptor and the other mapping.
    assert.equal(new Uint8Array(again)[4999], 7)
  })

  it('is shared with a child that inherits the descriptor', () => {
    const memory = createSharedMemory(4096)
    const program = `
      import { mapSharedMemory } from ${JSON.stringify(import.meta.resolve('./shared-memory.ts'))}
      new Uint8Array(mapSharedMemory(${CHILD_FD}, 4096))[1] = 42`
    execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit', memory.fd],
    })
    assert.equal(new Uint8Array(memory.buffer)[1], 42)
    memory.close()
  })

  it('cannot be resized by who holds the descriptor', () => {
    const memory = createSharedMemory(4096)
    for (const bytes of [0, 4095, 8192]) assert.throws(() => ftruncateSync(memory.fd, bytes), { code: 'EPERM' })
    memory.close()
  })

  it('close gives the descriptor back and empties the buffer; twice is fine', () => {
    const before = readdirSync('/proc/self/fd').length
    const memory = createSharedMemory(4096)
    memory.close()
    memory.close()
    assert.equal(memory.buffer.byteLength, 0)
    assert.equal(readdirSync('/proc/self/fd').length, before)
  })

  it('close leaves addresses behind that the garbage collector unmaps by itself', async () => {
    const mappedMib = (): number => Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024
    const before = mappedMib()
    let most = 0
    for (let times = 1; times <= 6000; times++) {
      createSharedMemory(2 ** 20).close()
      if (times % 100 !== 0) continue
      await setImmediate()
      most = Math.max(most, mappedMib())
    }
    assert.ok(most - before < 4000, `${most - before} of 6000 MiB`)
  })

  it('refuses sizes that are none', () => {
    for (const bytes of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => createSharedMemory(bytes), { code: 'invalid_argument' })
    }
  })
})

describe('mapSharedMemory', () => {
  it('refuses what is too short, is no shared memory, or is no descriptor', () => {
    const memory = createSharedMemory(4096)
    const file = openSync(import.meta.filename, 'r')
    assert.throws(() => mapSharedMemory(memory.fd, 4097), { code: 'system' })
    assert.throws(() => mapSharedMemory(memory.fd, 4096, 4096), { code: 'system' })
    assert.throws(() => mapSharedMemory(file, 16), { code: 'system' })
    assert.throws(() => mapSharedMemory(-1, 16), { code: 'system' })
    assert.throws(() => mapSharedMemory(9999, 16), { code: 'system' })
    closeSync(file)
    memory.close()
  })
})
