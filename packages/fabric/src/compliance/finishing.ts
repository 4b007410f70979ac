import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import type { Connection } from '../fabric.ts'
import { pattern, pollUntilLost, turnLoop } from './drive.ts'
import { NOTICE_MS, pair, PATIENCE_MS, type Harness } from './harness.ts'

const MIB = 2 ** 20
const LAST = 99
const POLLS_PER_TURN = 100

/** Polls both sides until the finishing one has delivered; returns what the other has received meanwhile. */
async function deliver(finishing: Connection, other: Connection): Promise<number[]> {
  const received: number[] = []
  const endMs = performance.now() + PATIENCE_MS
  for (let polls = 1; !finishing.isDelivered; polls++) {
    assert.equal(finishing.poll(), -1)
    const immediate = other.poll()
    if (immediate >= 0) received.push(immediate)
    if (polls % POLLS_PER_TURN !== 0) continue
    assert.ok(performance.now() < endMs, `not delivered in ${PATIENCE_MS} ms`)
    await setImmediate()
  }
  return received
}

export function testFinishing(harness: Harness): void {
  const large = (harness.emulated ? 1 : 16) * MIB

  it('finish: what was written before is received, though this side closes as soon as it is delivered', async () => {
    const bytes = 2 * large
    using ends = await pair(harness, { outboundBytes: bytes, inboundBytes: 4096, depth: 16 })
    const [first, second] = [pattern(large, 1), pattern(large, 2)]
    new Uint8Array(ends.near.outbound).set(first)
    new Uint8Array(ends.near.outbound).set(second, large)
    assert.ok(ends.near.write(0, large, 1))
    assert.ok(ends.near.write(large, large, 2))
    assert.ok(ends.near.finish(LAST))
    const received = await deliver(ends.near, ends.far)
    ends.near.close()
    received.push(...(await pollUntilLost(ends.far, NOTICE_MS)))
    assert.deepEqual(received, [1, 2, LAST])
    const inbound = Buffer.from(ends.far.inbound)
    assert.equal(Buffer.compare(inbound.subarray(0, large), first), 0)
    assert.equal(Buffer.compare(inbound.subarray(large), second), 0)
  })

  it('finish: what was written before is received, though this side leaves unread what the other has written', async () => {
    using ends = await pair(harness)
    ends.far.write(0, 16, 7)
    assert.equal(ends.near.wait(PATIENCE_MS), 'ready')
    ends.far.write(0, 16, 8)
    for (const immediate of [1, 2]) assert.ok(ends.near.write(0, 16, immediate))
    assert.ok(ends.near.finish(LAST))
    // Waits without polling, which would read what the other has written.
    const endMs = performance.now() + PATIENCE_MS
    while (!ends.near.isDelivered && performance.now() < endMs) ends.near.wait(1)
    assert.ok(ends.near.isDelivered)
    ends.near.close()
    await turnLoop()
    assert.deepEqual(await pollUntilLost(ends.far, NOTICE_MS), [1, 2, LAST])
  })

  it('finish: alone, without anything written before', async () => {
    using ends = await pair(harness)
    assert.ok(ends.near.finish(LAST))
    const received = await deliver(ends.near, ends.far)
    ends.near.close()
    received.push(...(await pollUntilLost(ends.far, NOTICE_MS)))
    assert.deepEqual(received, [LAST])
  })

  it('finish: the peer can still write until it closes, and is heard', async () => {
    using ends = await pair(harness)
    assert.ok(ends.near.finish(LAST))
    const received = await deliver(ends.near, ends.far)
    ends.far.write(0, 0, 7)
    ends.far.close()
    assert.deepEqual(await pollUntilLost(ends.near, NOTICE_MS), [7])
    assert.ok(received.length <= 1)
  })
}
