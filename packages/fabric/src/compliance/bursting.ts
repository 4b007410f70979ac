import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import type { Connection, Geometry } from '../fabric.ts'
import { pattern, ready } from './drive.ts'
import { pair, PATIENCE_MS, type Harness } from './harness.ts'

const MIB = 2 ** 20
const LAPS = 30

/** Payload sizes of one lap: large ones, which take many polls, among small ones. No two neighbours are alike. */
const SIZES = [1, 3 * MIB, 128, 129, 5 * MIB, 0, 4096]
const SLOT_BYTES = 5 * MIB
const SLOTS: Geometry = {
  outboundBytes: SIZES.length * SLOT_BYTES,
  inboundBytes: SIZES.length * SLOT_BYTES,
  depth: SIZES.length,
}

/** Writes all slots, each its payload of this lap. */
function writeLap(end: Connection, lap: number): void {
  for (const [slot, bytes] of SIZES.entries()) {
    new Uint8Array(end.outbound, slot * SLOT_BYTES, bytes).set(pattern(bytes, lap + slot))
    assert.ok(end.write(slot * SLOT_BYTES, bytes, slot), `slot ${slot} in lap ${lap}`)
  }
}

function checkSlot(end: Connection, lap: number, slot: number): void {
  const bytes = SIZES[slot]!
  const got = new Uint8Array(end.inbound, slot * SLOT_BYTES, bytes)
  assert.equal(Buffer.compare(got, pattern(bytes, lap + slot)), 0, `${bytes} bytes in slot ${slot}, lap ${lap}`)
}

export function testBursting(harness: Harness): void {
  it('burst: as many as depth at once, over and over, both ways; each comes once and in order', async () => {
    for (const depth of [1, 16, 200, 1000]) {
      using ends = await pair(harness, { outboundBytes: 64, inboundBytes: 64, depth })
      let next = 0
      for (let lap = 0; lap < LAPS; lap++) {
        for (const end of [ends.near, ends.far]) {
          for (let n = 0; n < depth; n++) assert.ok(end.write(0, n % 65, next + n), `write ${n} of ${depth}`)
        }
        for (const end of [ends.near, ends.far]) {
          const endMs = performance.now() + PATIENCE_MS
          for (let n = 0; n < depth;) {
            const immediate = end.poll()
            if (immediate < 0) {
              assert.ok(performance.now() < endMs, `${n} of ${depth} came; the end is ${end.state}`)
              continue
            }
            assert.equal(immediate, next + n++)
          }
        }
        next += depth
      }
      assert.equal(ends.near.poll(), -1)
      assert.equal(ends.far.poll(), -1)
    }
  })

  it('burst: large and small ones in one burst, both ways at once, come in order and whole, by polling', async () => {
    using ends = await pair(harness, SLOTS)
    for (let lap = 0; lap < 3; lap++) {
      const received = new Map([
        [ends.near, 0],
        [ends.far, 0],
      ])
      for (const end of received.keys()) writeLap(end, lap)
      const endMs = performance.now() + PATIENCE_MS
      // Poll the ends in turn, once each: neither may depend on the other end reading first.
      while ([...received.values()].some((count) => count < SIZES.length)) {
        for (const [end, count] of received) {
          const immediate = end.poll()
          if (immediate < 0) continue
          assert.equal(immediate, count)
          checkSlot(end, lap, immediate)
          received.set(end, count + 1)
        }
        assert.ok(performance.now() < endMs, `${[...received.values()].join(' and ')} of ${SIZES.length} came`)
      }
    }
  })

  it('burst: large and small ones, both ways at once, while both ends are armed and never poll for nothing', async () => {
    using ends = await pair(harness, SLOTS)
    for (let lap = 0; lap < 3; lap++) {
      for (const end of [ends.near, ends.far]) writeLap(end, lap)
      const drain = async (end: Connection): Promise<void> => {
        for (let count = 0; count < SIZES.length;) {
          const immediate = end.poll()
          if (immediate < 0) {
            assert.ok(await ready(end, PATIENCE_MS), `${count} of ${SIZES.length} came; the end is ${end.state}`)
            continue
          }
          assert.equal(immediate, count++)
          checkSlot(end, lap, immediate)
        }
        // The other end may still wait for what we wrote, and we must stay armed until it has arrived.
        end.onReady = null
        end.arm()
      }
      await Promise.all([drain(ends.near), drain(ends.far)])
      await setImmediate()
    }
  })
}
