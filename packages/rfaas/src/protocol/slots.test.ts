import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HEADER_BYTES as FABRIC_HEADER_BYTES, WINDOW_BYTES_MAX as FABRIC_WINDOW_BYTES_MAX } from '@rfaas/fabric'
import fc from 'fast-check'

import { PAYLOAD_BYTES_MAX, SLOTS_MAX, WINDOW_BYTES_MAX } from './limits.ts'
import { HEADER_BYTES, largestPayload, PayloadViews, slotLayout, windowsMib } from './slots.ts'

const seed = Date.now() & 0x7fffffff

test(`slotLayout: slots do not overlap, fit the window and begin at cache lines (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 2 ** 20 }), (slots, payloadBytesMax) => {
      const layout = slotLayout(slots, payloadBytesMax)
      assert.equal(layout.slotBytes % 64, 0)
      assert.ok(layout.slotBytes >= HEADER_BYTES + payloadBytesMax)
      assert.equal(layout.windowBytes, slots * layout.slotBytes)
    }),
    { seed },
  )
})

test('slotLayout refuses what limits.ts forbids and what no window can hold', () => {
  for (const [slots, bytes] of [
    [0, 1],
    [1.5, 1],
    [SLOTS_MAX + 1, 1],
    [1, 0],
    [1, PAYLOAD_BYTES_MAX + 1],
    [1, NaN],
    [SLOTS_MAX, PAYLOAD_BYTES_MAX],
  ] as const) {
    assert.throws(() => slotLayout(slots, bytes), { code: 'invalid_argument' }, `${slots} slots of ${bytes}`)
  }
})

test('slotLayout: the largest payload fits into a window, and the largest window is that of every fabric', () => {
  assert.ok(slotLayout(1, PAYLOAD_BYTES_MAX).windowBytes <= WINDOW_BYTES_MAX)
  assert.equal(WINDOW_BYTES_MAX, FABRIC_WINDOW_BYTES_MAX)
  assert.equal(HEADER_BYTES, FABRIC_HEADER_BYTES)
})

test('largestPayload: the memory beside the slots, but at least a slot, and no more than a window holds', () => {
  const layout = slotLayout(4, 2 ** 20)
  assert.equal(largestPayload(layout, 1, 512), 512 * 2 ** 20 - 2 * layout.windowBytes)
  assert.equal(largestPayload(layout, 1, 4096), PAYLOAD_BYTES_MAX)
  assert.equal(largestPayload(layout, 64, 512), 2 ** 20)
  const wide = slotLayout(2000, 2 ** 20)
  const largest = largestPayload(wide, 1, 2 ** 20)
  const { windowBytes, spareBytes } = slotLayout(2000, 2 ** 20, largest)
  assert.ok(windowBytes + spareBytes <= WINDOW_BYTES_MAX && windowBytes + spareBytes > WINDOW_BYTES_MAX - 8192)
  for (const bytes of [2 ** 20 - 1, 2 ** 20 + 0.5, PAYLOAD_BYTES_MAX + 1, NaN])
    assert.throws(() => slotLayout(4, 2 ** 20, bytes), { code: 'invalid_argument' }, String(bytes))
})

test('windowsMib: what the windows of all workers take, both ways, in whole MiB', () => {
  assert.equal(windowsMib(slotLayout(1, 1), 1), 1)
  assert.equal(windowsMib(slotLayout(4, 2 ** 20), 2), 17)
})

test('PayloadViews: a repeated length gives the same view; views of different slots are apart', () => {
  const layout = slotLayout(2, 100)
  const views = new PayloadViews(new ArrayBuffer(layout.windowBytes), layout)
  assert.equal(views.first(1, 40), views.first(1, 40))
  assert.equal(views.first(1, 41).length, 41)
  assert.equal(views.whole(1).length, 100)
  views.whole(0).fill(7)
  assert.ok(views.whole(1).every((byte) => byte === 0))
})
