import assert from 'node:assert/strict'
import { it } from 'node:test'

import { HEADER_BYTES, MESSAGE_WORDS, type Connection } from '../fabric.ts'
import { code } from './connecting.ts'
import { receive } from './drive.ts'
import { pair, type Harness } from './harness.ts'

const DEPTH = 4
const SLOTS = 8
const PAYLOAD_BYTES = 64
const SLOT_BYTES = HEADER_BYTES + PAYLOAD_BYTES
const WINDOW_BYTES = SLOTS * SLOT_BYTES
const GEOMETRY = { outboundBytes: WINDOW_BYTES, inboundBytes: WINDOW_BYTES, depth: DEPTH, slotBytes: SLOT_BYTES }

/** The words of the n-th message: no other message has them, and they use all 32 bits. */
function wordsOf(n: number): [number, number, number] {
  return [n, ~n, Math.imul(n, 0x9e3779b1)]
}

/** Sends the n-th message from the next slot in turn, with words and a payload of its own. */
function send(from: Connection, n: number): boolean {
  const slot = n % SLOTS
  new Uint8Array(from.outbound, slot * SLOT_BYTES + HEADER_BYTES, PAYLOAD_BYTES).fill(n)
  return from.send(slot, n % (PAYLOAD_BYTES + 1), ...wordsOf(n))
}

/** Asserts that the last polled message is the n-th. */
function checkMessage(to: Connection, n: number, slot: number): void {
  assert.equal(slot, n % SLOTS)
  assert.deepEqual(to.received, Int32Array.from(wordsOf(n)))
  const bytes = n % (PAYLOAD_BYTES + 1)
  const payload = new Uint8Array(to.inbound, slot * SLOT_BYTES + HEADER_BYTES, bytes)
  assert.deepEqual(payload, new Uint8Array(bytes).fill(n))
}

export function testMessages(harness: Harness): void {
  it('messages: words and payload come with their slot, both ways, round and round the queue', async () => {
    using ends = await pair(harness, GEOMETRY)
    for (const [from, to] of [
      [ends.near, ends.far],
      [ends.far, ends.near],
    ] as const) {
      for (let n = 0; n < 5 * PAYLOAD_BYTES; n++) {
        assert.ok(send(from, n))
        checkMessage(to, n, await receive(to, from))
      }
    }
  })

  it('messages: as many as may be on their way stay apart, also from one for which there is no room', async () => {
    using ends = await pair(harness, GEOMETRY)
    for (let lap = 0; lap < 5; lap++) {
      const first = lap * SLOTS
      for (let n = 0; n < DEPTH; n++) assert.ok(send(ends.near, first + n))
      if (harness.countsDepth) assert.equal(send(ends.near, first + DEPTH), false)
      for (let n = 0; n < DEPTH; n++) checkMessage(ends.far, first + n, await receive(ends.far, ends.near))
    }
  })

  it('messages: the words that came last stay until the next poll, whatever is sent meanwhile', async () => {
    using ends = await pair(harness, GEOMETRY)
    let sent = 0
    while (sent < DEPTH) assert.ok(send(ends.near, sent++))
    for (let n = 0; n < 5 * SLOTS; n++) {
      await receive(ends.far, ends.near)
      // The poll made room for one more; where writes are not counted, one more is sent as well.
      assert.ok(send(ends.near, sent++))
      assert.deepEqual(ends.far.received, Int32Array.from(wordsOf(n)))
      assert.equal(ends.far.received.length, MESSAGE_WORDS)
    }
  })

  it('messages: an immediate of a write that names no slot leaves the windows alone', async () => {
    using ends = await pair(harness, GEOMETRY)
    assert.ok(ends.near.write(0, 0, SLOTS))
    assert.equal(await receive(ends.far, ends.near), SLOTS)
    assert.ok(send(ends.near, 1))
    checkMessage(ends.far, 1, await receive(ends.far, ends.near))
  })

  it('messages: no slot that is not there, no payload beyond the slot; nothing is sent then', async () => {
    using ends = await pair(harness, GEOMETRY)
    for (const [slot, bytes] of [
      [SLOTS, 0],
      [-1, 0],
      [0.5, 0],
      [NaN, 0],
      [0, PAYLOAD_BYTES + 1],
      [0, -1],
      [0, 1.5],
    ] as const) {
      assert.throws(() => ends.near.send(slot, bytes, 1, 2, 3), code('invalid_argument'), `${slot}, ${bytes}`)
    }
    assert.ok(send(ends.near, 2))
    checkMessage(ends.far, 2, await receive(ends.far, ends.near))
  })

  it('messages: windows without slots have none to send from', async () => {
    using ends = await pair(harness, { outboundBytes: WINDOW_BYTES, inboundBytes: WINDOW_BYTES, depth: DEPTH })
    assert.throws(() => ends.near.send(0, 0, 1, 2, 3), code('invalid_argument'))
    assert.throws(() => ends.near.send(0, -HEADER_BYTES, 1, 2, 3), code('invalid_argument'))
  })

  it('messages: slots have room for the words', async () => {
    for (const slotBytes of [-64, 1, 63, 100, 64.5, NaN]) {
      const options = { ...GEOMETRY, secret: new Uint8Array(32), slotBytes }
      await assert.rejects(harness.fabric.listen(options), code('invalid_argument'), `${slotBytes}`)
    }
  })
}
