import assert from 'node:assert/strict'
import { it } from 'node:test'

import type { Connection, Geometry } from '../fabric.ts'
import { next, pattern, ready, type Mode } from './drive.ts'
import { Echo, EMPTY, fillSlot, LATER, pause, PAUSE_MS, SLOT_HEADER_BYTES, slotPayload } from './echo.ts'
import { pair, PATIENCE_MS, type Harness } from './harness.ts'
import { LIFE_MS, type PeerRole } from './peer-spec.ts'
import { startPeer } from './peer-process.ts'
import { driveStress } from './stress.ts'

const MODES: Mode[] = ['poll', 'wait', 'arm']
const DEPTH = 16
const SLOT_BYTES = 4096
const SLOTS: Geometry = { outboundBytes: DEPTH * SLOT_BYTES, inboundBytes: DEPTH * SLOT_BYTES, depth: DEPTH }
const STRESS_MS = 500

/** Does one round trip of a payload in a slot, and checks it. */
async function roundTrip(end: Connection, mode: Mode, slot: number, payload: Buffer, flags: number, turn: boolean) {
  const offset = slot * SLOT_BYTES
  const bytes = fillSlot(end, offset, payload)
  assert.ok(end.write(offset, (flags & EMPTY) === 0 ? bytes : 0, slot | flags))
  assert.equal(await next(end, mode, turn), slot | flags)
  if ((flags & EMPTY) === 0) assert.equal(Buffer.compare(slotPayload(end, offset), payload), 0)
}

/** Round trips one at a time and many at a time; both ends caught awake and asleep. */
async function converse(end: Connection, mode: Mode, turn: boolean): Promise<void> {
  for (let round = 0; round < 50; round++) {
    await roundTrip(end, mode, round % DEPTH, pattern(round * 80, round), 0, turn)
  }
  await roundTrip(end, mode, 0, pattern(0, 0), EMPTY, turn)
  for (let round = 0; round < 3; round++) {
    // The other end has fallen asleep when we write …
    pause(PAUSE_MS)
    await roundTrip(end, mode, round, pattern(64, round), 0, turn)
    // … and we have fallen asleep when it answers.
    await roundTrip(end, mode, round, pattern(64, round), LATER, turn)
  }
  let sent = 0
  for (let received = 0; received < 200; received++) {
    for (; sent < 200 && sent - received < DEPTH; sent++) {
      const slot = sent % DEPTH
      assert.ok(end.write(slot * SLOT_BYTES, fillSlot(end, slot * SLOT_BYTES, pattern(sent, sent)), slot))
    }
    const slot = await next(end, mode, turn)
    assert.equal(slot, received % DEPTH)
    assert.equal(Buffer.compare(slotPayload(end, slot * SLOT_BYTES), pattern(received, received)), 0)
  }
}

export function testEchoing(harness: Harness): void {
  const { separate, emulated = false } = harness
  // More than all queues and buffers on the way hold.
  const largeBytes = (emulated ? 16 : 64) * 2 ** 20
  const windowBytes = SLOT_HEADER_BYTES + largeBytes
  const geometry: Geometry = { outboundBytes: windowBytes, inboundBytes: windowBytes, depth: DEPTH }

  if (!separate) {
    for (const mode of ['poll', 'arm'] as const) {
      it(`echo: we ${mode}, the other end arms`, async () => {
        const ends = await pair(harness, SLOTS)
        const echoing = new Echo(ends.far, SLOT_BYTES).run('arm', performance.now() + LIFE_MS)
        await converse(ends.near, mode, true)
        ends.near.close()
        await echoing
        ends.far.close()
      })
    }
    return
  }

  it('echo: a process that polls, waits, arms', async (test) => {
    const does: PeerRole = { role: 'echo', modes: MODES, slotBytes: SLOT_BYTES }
    await using peer = await startPeer(harness, does, { geometry, connections: MODES.length })
    for (const [index, theirs] of MODES.entries()) {
      const end = peer.ends[index]!
      for (const ours of MODES) await test.test(`we ${ours}, it ${theirs}s`, () => converse(end, ours, false))
      // Of the large ones each takes a tenth of a second and more, so: only where both ends sleep meanwhile.
      const large = theirs === 'poll' ? [] : [pattern(2 ** 20 - 1, 1), pattern(largeBytes, 2)]
      for (const payload of large) {
        await test.test(`${payload.length} bytes there and back, we wait, it ${theirs}s`, () =>
          roundTrip(end, 'wait', 0, payload, 0, false),
        )
      }
      end.close()
    }
    assert.equal(await peer.exited, 0)
  })

  it('arm: a long write goes on though it began when we were armed already', async () => {
    const does: PeerRole = { role: 'echo', modes: ['wait'], slotBytes: SLOT_BYTES }
    await using peer = await startPeer(harness, does, { geometry })
    const { end } = peer
    const payload = pattern(largeBytes, 3)
    const called = ready(end, PATIENCE_MS)
    assert.ok(end.write(0, fillSlot(end, 0, payload), 0))
    assert.ok(await called, 'onReady was not called')
    assert.equal(await next(end, 'arm'), 0)
    assert.equal(Buffer.compare(slotPayload(end, 0), payload), 0)
  })

  it('wait, arm: no wake-up is lost, whenever the other end writes', async (test) => {
    const seed = Number(process.env['RFAAS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    test.diagnostic(`RFAAS_SEED=${seed}`)
    await using peer = await startPeer(harness, { role: 'stress', seed })
    const count = await driveStress(peer.end, seed, STRESS_MS)
    test.diagnostic(`${count} immediates there and back in ${STRESS_MS} ms`)
    peer.end.close()
    assert.equal(await peer.exited, 0)
  })
}
