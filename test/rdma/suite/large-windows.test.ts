/** A connection whose windows are large: the kernel locks all of them before the first byte moves. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { openFabric } from '@rfaas/fabric'

import { startPeer } from '../../../packages/fabric/src/compliance/peer-process.ts'
import { FAR, NEAR } from './devices.ts'

const WINDOW_BYTES = 192 * 2 ** 20

test('the event loop turns while they are locked', async () => {
  const harness = {
    fabric: openFabric('verbs'),
    separate: true,
    countsDepth: false,
    hosts: { near: NEAR.address, far: FAR.address },
  }
  let lastMs = performance.now()
  let gapMs = 0
  // Measuring starts at `connect`; the time before it does not matter.
  const connect = harness.fabric.connect.bind(harness.fabric)
  let connectMs = 0
  const timer = setInterval(() => {
    gapMs = Math.max(gapMs, performance.now() - lastMs)
    lastMs = performance.now()
  }, 1)
  harness.fabric.connect = async (...args) => {
    const startMs = (lastMs = performance.now())
    gapMs = 0
    const connection = await connect(...args)
    connectMs = performance.now() - startMs
    return connection
  }
  const geometry = { outboundBytes: WINDOW_BYTES, inboundBytes: WINDOW_BYTES, depth: 4 }
  const does = { role: 'echo', modes: ['wait'], slotBytes: WINDOW_BYTES } as const
  await using peer = await startPeer(harness, { ...does, modes: ['wait'] }, { geometry, listens: 'peer' })
  clearInterval(timer)
  assert.equal(peer.end.outbound.byteLength, WINDOW_BYTES)
  assert.ok(gapMs < connectMs / 3, `the event loop stood still for ${gapMs} of ${connectMs} ms`)
})
