import assert from 'node:assert/strict'
import { it } from 'node:test'

import { IMMEDIATE_MAX, type Geometry } from '../fabric.ts'
import { code } from './connecting.ts'
import { pattern, receive } from './drive.ts'
import { DEPTH_MAX } from '../geometry.ts'
import { pair, SMALL, type Harness } from './harness.ts'

const MIB = 2 ** 20
const SIZES = [0, 1, 63, 64, 65, 4096, MIB, 64 * MIB]

/** Offset, bytes and immediate of writes to a window of 4096 bytes that must be refused. */
const REFUSED: [number, number, number][] = [
  [-1, 1, 0],
  [0, -1, 0],
  [4096, 1, 0],
  [4095, 2, 0],
  [0, 4097, 0],
  [2 ** 31, 0, 0],
  [2 ** 32, 1, 0],
  [2 ** 53, 1, 0],
  [0.5, 1, 0],
  [0, 0.5, 0],
  [NaN, 1, 0],
  [0, NaN, 0],
  [Infinity, 1, 0],
  [-Infinity, 1, 0],
  [0, Infinity, 0],
  [0, 1, -1],
  [0, 1, IMMEDIATE_MAX + 1],
  [0, 1, 2 ** 32],
  [0, 1, 1.5],
  [0, 1, NaN],
]

export function testWriting(harness: Harness): void {
  const hasSpare = harness.fabric.name !== 'verbs'
  it('write: brings the bytes to the same offset, then the immediate, both ways', async () => {
    using ends = await pair(harness)
    for (const [from, to] of [
      [ends.near, ends.far],
      [ends.far, ends.near],
    ] as const) {
      assert.equal(to.poll(), -1)
      const sent = pattern(100, 3)
      new Uint8Array(from.outbound).set(sent, 1000)
      assert.ok(from.write(1000, sent.length, 9))
      assert.equal(await receive(to, from), 9)
      assert.equal(Buffer.compare(new Uint8Array(to.inbound, 1000, sent.length), sent), 0)
      assert.ok(
        new Uint8Array(to.inbound, 0, 1000).every((byte) => byte === 0),
        'bytes in front of the range changed',
      )
      assert.ok(
        new Uint8Array(to.inbound, 1100).every((byte) => byte === 0),
        'bytes behind the range changed',
      )
      assert.equal(to.poll(), -1)
    }
  })

  it('write: the smallest and the largest immediate come as they are', async () => {
    using ends = await pair(harness)
    for (const immediate of [0, 1, 0x4000_0000, IMMEDIATE_MAX - 1, IMMEDIATE_MAX]) {
      assert.ok(ends.near.write(0, 1, immediate))
      assert.equal(await receive(ends.far, ends.near), immediate)
    }
  })

  it('write: the window may be used to its last byte', async () => {
    using ends = await pair(harness)
    new Uint8Array(ends.near.outbound)[4095] = 200
    assert.ok(ends.near.write(4095, 1, 1))
    assert.ok(ends.near.write(4096, 0, 2))
    assert.equal(await receive(ends.far, ends.near), 1)
    assert.equal(await receive(ends.far, ends.near), 2)
    assert.equal(new Uint8Array(ends.far.inbound)[4095], 200)
  })

  it('write: a range or an immediate out of bounds is refused, and nothing is written', async () => {
    using ends = await pair(harness)
    // The peer's window must not change; where both windows are the same memory, it is compared by the bytes that we
    // see.
    const before = Buffer.from(ends.far.inbound.slice(0))
    for (const [offset, byteLength, immediate] of REFUSED) {
      assert.throws(
        () => ends.near.write(offset, byteLength, immediate),
        code('invalid_argument'),
        `write(${offset}, ${byteLength}, ${immediate})`,
      )
    }
    assert.equal(ends.near.state, 'open')
    assert.ok(ends.near.write(0, 0, 1234))
    assert.equal(await receive(ends.far, ends.near), 1234, 'a refused write has sent an immediate')
    assert.equal(Buffer.compare(Buffer.from(ends.far.inbound), before), 0)
  })

  it(
    'write: spare room behind the windows is there on demand, and is delivered from',
    { skip: !hasSpare },
    async () => {
      const spareBytes = 4 * MIB
      using ends = await pair(harness, { ...SMALL, slotBytes: 1024, spareBytes })
      for (const [from, to] of [
        [ends.near, ends.far],
        [ends.far, ends.near],
      ] as const) {
        const sent = pattern(3 * MIB, 7)
        new Uint8Array(from.outboundSpare()).set(sent)
        assert.ok(from.write(4096, sent.length, 5000))
        assert.ok(from.send(1, 0, 1, 2, 3))
        assert.equal(await receive(to, from), 5000)
        assert.equal(await receive(to, from), 1)
        assert.deepEqual([...to.received], [1, 2, 3])
        assert.equal(Buffer.compare(new Uint8Array(to.inboundSpare(), 0, sent.length), sent), 0)
        assert.equal(to.inboundSpare().byteLength, spareBytes)
        assert.ok(
          new Uint8Array(to.inbound).every((byte) => byte === 0 || byte < 4),
          'the window changed',
        )
        for (const [offset, byteLength] of [
          [4095, 2],
          [4096 + spareBytes, 1],
          [4097, spareBytes],
        ] as const)
          assert.throws(
            () => from.write(offset, byteLength, 1),
            code('invalid_argument'),
            `write(${offset}, ${byteLength})`,
          )
      }
      const shown = ends.near.inboundSpare()
      ends.near.close()
      if (harness.detaches !== false) assert.equal(shown.byteLength, 0)
      assert.throws(() => ends.near.outboundSpare(), code('closed'))
      using without = await pair(harness)
      assert.throws(() => without.near.outboundSpare(), code('invalid_argument'))
    },
  )

  it('write: completions come in order, over many laps of the ring', async () => {
    for (const depth of [1, 3, 64]) {
      using ends = await pair(harness, { ...SMALL, depth })
      const count = 2000
      let sent = 0
      for (let received = 0; received < count; received++) {
        while (sent < count && sent - received < depth && ends.near.write(0, sent % 65, sent)) sent++
        assert.equal(await receive(ends.far, ends.near), received)
      }
      assert.equal(ends.far.poll(), -1)
    }
  })

  it('write: takes depth immediates in flight, both ways at once', async () => {
    for (const depth of [1, 2, 33, 300, DEPTH_MAX]) {
      using ends = await pair(harness, { outboundBytes: depth * 128, inboundBytes: depth * 128, depth })
      for (let immediate = 0; immediate < depth; immediate++) {
        for (const end of [ends.near, ends.far]) {
          new Uint8Array(end.outbound).set(pattern(128, immediate), immediate * 128)
          assert.ok(end.write(immediate * 128, 128, immediate), `write ${immediate} of ${depth}`)
        }
      }
      for (const end of [ends.near, ends.far]) {
        for (let immediate = 0; immediate < depth; immediate++) {
          assert.equal(await receive(end), immediate)
          const got = new Uint8Array(end.inbound, immediate * 128, 128)
          assert.equal(Buffer.compare(got, pattern(128, immediate)), 0)
        }
      }
    }
  })

  it(
    'write: false beyond depth, nothing done, and true again after a poll',
    { skip: !harness.countsDepth },
    async () => {
      for (const depth of [1, 5, 64]) {
        using ends = await pair(harness, { ...SMALL, depth })
        for (let lap = 0; lap < 3; lap++) {
          for (let immediate = 0; immediate < depth; immediate++) assert.ok(ends.near.write(0, 1, immediate))
          for (let times = 0; times < 3; times++) assert.equal(ends.near.write(0, 1, 999), false)
          assert.equal(ends.far.poll(), 0)
          assert.ok(ends.near.write(0, 1, depth))
          assert.equal(ends.near.write(0, 1, 999), false)
          for (let immediate = 1; immediate <= depth; immediate++) assert.equal(ends.far.poll(), immediate)
          assert.equal(ends.far.poll(), -1)
        }
      }
    },
  )

  it('write: payloads from 0 B to 64 MiB arrive as they were', async () => {
    const geometry: Geometry = { outboundBytes: 64 * MIB + 64, inboundBytes: 64, depth: 4 }
    using ends = await pair(harness, geometry)
    for (const [index, bytes] of SIZES.entries()) {
      const sent = pattern(bytes, index)
      new Uint8Array(ends.near.outbound).set(sent, 64)
      assert.ok(ends.near.write(64, bytes, index))
      assert.equal(await receive(ends.far, ends.near), index)
      assert.equal(Buffer.compare(new Uint8Array(ends.far.inbound, 64, bytes), sent), 0, `${bytes} bytes`)
    }
  })
}
