import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { pattern, receive } from './drive.ts'
import { fillSlot, SLOT_HEADER_BYTES } from './echo.ts'
import { PATIENCE_MS, type Harness } from './harness.ts'
import { startPeer } from './peer-process.ts'
import { threadPair } from './threading.ts'

const MIB = 2 ** 20
/** Longer than a large write needs there and back, on most machines. */
const BUSY_MS = 50
const ROUNDS = 5

/** Ends the time in which the thread is busy. */
function end(free: Int32Array): void {
  Atomics.store(free, 0, 1)
  Atomics.notify(free, 0)
}

/** A thread that is busy does not poll. What is under way on its connection must not wait for it. */
export function testProgressing(harness: Harness): void {
  if (!harness.separate) {
    it('a busy thread', { skip: 'both ends are in one thread' })
    return
  }
  // More than the buffers of two sockets take.
  const large = (harness.emulated ? 1 : 64) * MIB

  it('write: a large one leaves whole while the writing thread is busy', async () => {
    const free = new Int32Array(new SharedArrayBuffer(4))
    const geometry = { outboundBytes: 64, inboundBytes: large, depth: 4 }
    await using ends = await threadPair(harness, { role: 'be-busy', byteLength: large, free }, geometry)
    const busy = ends.says()
    ends.near.write(0, 16, 1)
    assert.equal(await busy, 'busy')
    const freed = ends.says()
    assert.equal(await receive(ends.near), 2)
    end(free)
    ends.near.write(0, 16, 3)
    assert.deepEqual(await freed, { wasFreed: true, immediate: 3 })
  })

  it('poll: after a large one, the next arrives whole while the receiving thread is busy', async () => {
    const free = new Int32Array(new SharedArrayBuffer(4))
    const geometry = { outboundBytes: large, inboundBytes: 64, depth: 4 }
    await using ends = await threadPair(harness, { role: 'be-busy', byteLength: 16, free }, geometry)
    new Uint8Array(ends.near.outbound).set(pattern(large, 1))
    const busy = ends.says()
    ends.near.write(0, large, 1)
    assert.equal(await receive(ends.near), 2)
    assert.equal(await busy, 'busy')
    const freed = ends.says()
    ends.near.write(0, large, 3)
    ends.near.finish(4)
    const endMs = performance.now() + PATIENCE_MS
    for (; !ends.near.isDelivered && performance.now() < endMs; ends.near.poll()) await setImmediate()
    end(free)
    assert.deepEqual(await freed, { wasFreed: true, immediate: 3 })
  })

  it('arm: an end that polls while it is armed, and is busy then, is told of what arrives meanwhile', async () => {
    const bytes = Math.min(large, 4 * MIB)
    const slotBytes = SLOT_HEADER_BYTES + bytes
    const geometry = { outboundBytes: slotBytes, inboundBytes: slotBytes, depth: 4 }
    await using peer = await startPeer(harness, { role: 'echo', modes: ['poll'], slotBytes }, { geometry })
    const { end: near } = peer
    const sent = fillSlot(near, 0, pattern(bytes, 1))
    for (let round = 0; round < ROUNDS; round++) {
      const { promise: called, resolve } = Promise.withResolvers<boolean>()
      near.onReady = () => resolve(true)
      assert.ok(near.arm())
      near.write(0, sent, 0)
      assert.equal(await receive(near), 0)
      near.write(0, sent, 0)
      const busy = new Int32Array(new SharedArrayBuffer(4))
      Atomics.wait(busy, 0, 0, BUSY_MS)
      const timer = setTimeout(() => resolve(false), PATIENCE_MS)
      assert.ok(await called, 'onReady was not called')
      clearTimeout(timer)
      assert.equal(await receive(near), 0)
    }
    near.close()
    assert.equal(await peer.exited, 0)
  })
}
