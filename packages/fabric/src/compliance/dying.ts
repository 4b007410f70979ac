import assert from 'node:assert/strict'
import { it } from 'node:test'

import type { Connection } from '../fabric.ts'
import { code } from './connecting.ts'
import { next, pollUntilLost, ready } from './drive.ts'
import { NOTICE_MS, pair, type Harness } from './harness.ts'
import { startPeer, type PeerOptions } from './peer-process.ts'

const BURST = 10

/** Asserts everything that holds for an end once it has noticed that the other is gone. */
function assertLost(end: Connection): void {
  assert.equal(end.poll(), -1)
  assert.equal(end.state, 'lost')
  assert.equal(end.wait(NOTICE_MS), 'lost')
  assert.equal(end.arm(), false)
  assert.throws(() => end.write(0, 1, 1), code('lost'))
  assert.ok(end.outbound.byteLength > 0 && end.inbound.byteLength > 0, 'the windows stay until close')
}

/** The ways to notice that the other end is gone; each returns what arrived before. */
const NOTICING: Record<string, (end: Connection) => Promise<number[]>> = {
  'polling and looking at state': (end) => pollUntilLost(end, NOTICE_MS),

  wait: async (end) => {
    const arrived: number[] = []
    for (;;) {
      const result = end.wait(NOTICE_MS)
      if (result !== 'ready') {
        assert.equal(result, 'lost')
        return arrived
      }
      arrived.push(end.poll())
    }
  },
  'arm and onReady': async (end) => {
    const arrived: number[] = []
    for (;;) {
      assert.ok(await ready(end, NOTICE_MS), 'onReady was not called')
      const immediate = end.poll()
      if (immediate >= 0) arrived.push(immediate)
      else if (end.state !== 'open') return arrived
    }
  },
}

const ALL = Array.from({ length: BURST }, (_, index) => index)

export function testDying(harness: Harness): void {
  const ways = Object.entries(NOTICING)

  for (const [way, notice] of ways) {
    it(`close: the other end notices by ${way}, after what had arrived`, async () => {
      using ends = await pair(harness)
      for (const immediate of ALL) ends.near.write(0, 16, immediate)
      ends.near.close()
      assert.deepEqual(await notice(ends.far), ALL)
      assertLost(ends.far)
    })
  }

  if (!harness.separate) return

  it('SIGKILL: is noticed, after what had arrived', async (test) => {
    const options: PeerOptions = { connections: ways.length }
    await using peer = await startPeer(harness, { role: 'burst', count: BURST }, options)
    peer.end.write(0, 16, 0)
    for (const [index, [way, notice]] of ways.entries()) {
      await test.test(`by ${way}`, async () => {
        assert.deepEqual(await notice(peer.ends[index]!), ALL)
        assertLost(peer.ends[index]!)
      })
    }
    assert.equal(await peer.exited, 'SIGKILL')
  })

  it('SIGKILL: is noticed while armed, while blocked in wait, and later', async () => {
    await using peer = await startPeer(harness, { role: 'die', afterMs: 50 }, { connections: 3, listens: 'peer' })
    const [blocked, armed, idle] = peer.ends as [Connection, Connection, Connection]
    blocked.write(0, 16, 0)
    const called = ready(armed, NOTICE_MS)
    assert.equal(blocked.wait(NOTICE_MS), 'lost')
    assert.ok(await called, 'onReady was not called')
    assert.deepEqual(await pollUntilLost(idle, NOTICE_MS), [])
    for (const end of peer.ends) assertLost(end)
  })

  it('SIGKILL: is noticed of a peer that is asleep itself', async () => {
    await using peer = await startPeer(harness, { role: 'echo', modes: ['wait'], slotBytes: 64 })
    peer.end.write(0, 16, 3)
    assert.equal(await next(peer.end, 'poll'), 3)
    peer.kill()
    assert.deepEqual(await pollUntilLost(peer.end, NOTICE_MS), [])
    assertLost(peer.end)
  })
}
