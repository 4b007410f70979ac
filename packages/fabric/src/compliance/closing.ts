import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import type { Connection } from '../fabric.ts'
import { code } from './connecting.ts'
import { pollUntilLost, receive, turnLoop } from './drive.ts'
import { listen, NOTICE_MS, pair, SECRET, SMALL, type Harness } from './harness.ts'
import { startPeer } from './peer-process.ts'
import { WOKEN } from './peer-spec.ts'

const MIB = 2 ** 20

const descriptors = (): number => readdirSync('/proc/self/fd').length

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Collects garbage first: addresses are unmapped only once no view can refer to them any more. */
function mappedMib(): number {
  collectGarbage()
  return statusMib('VmSize')
}

/** As mappedMib, for memory that V8 allocates: it keeps addresses for what comes next. */
function bufferMib(): number {
  collectGarbage()
  return process.memoryUsage().arrayBuffers / MIB
}

const residentMib = (): number => statusMib('VmRSS')

function statusMib(field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(kib![1]) / 1024
}

/** Waits until `value` is at most `most`: some resources are freed on the event loop, a moment later. */
async function settles(value: () => number, most: number): Promise<number> {
  const endMs = performance.now() + NOTICE_MS
  while (value() > most && performance.now() < endMs) await delay(10)
  return value()
}

function assertClosed(end: Connection): void {
  assert.equal(end.state, 'closed')
  assert.equal(end.outbound.byteLength, 0)
  assert.equal(end.inbound.byteLength, 0)
  assert.throws(() => end.write(0, 1, 1), code('closed'))
  assert.throws(() => end.poll(), code('closed'))
  assert.throws(() => end.wait(1), code('closed'))
  assert.throws(() => end.takeInterrupt(), code('closed'))
  assert.throws(() => end.arm(), code('closed'))
  assert.throws(() => end.disarm(), code('closed'))
  end.ref()
  end.unref()
  end.close()
}

export function testClosing(harness: Harness): void {
  const { separate, detaches = true } = harness
  const cycles = harness.emulated ? 50 : 200

  it('close: twice is fine; afterwards every call throws closed, and windows and views of them are empty', async () => {
    using ends = await pair(harness)
    const view = new Uint8Array(ends.far.inbound, 0, 100)
    ends.near.write(0, 16, 1)
    ends.near.write(0, 16, 2)
    assert.equal(await receive(ends.far, ends.near), 1)
    // One immediate is left to poll, but a closed end must not return it.
    ends.far.close()
    assertClosed(ends.far)
    if (detaches) assert.equal(view.length, 0)
    assert.deepEqual(await pollUntilLost(ends.near, NOTICE_MS), [])
    ends.near.close()
    assertClosed(ends.near)
  })

  it('close: while armed, nothing is called any more', async () => {
    using ends = await pair(harness)
    ends.far.onReady = () => assert.fail('called after close')
    assert.ok(ends.far.arm())
    ends.near.write(0, 16, 1)
    ends.far.close()
    await turnLoop()
  })

  it('close: out of onReady', async () => {
    using ends = await pair(harness)
    const closed = Promise.withResolvers<void>()
    ends.far.onReady = () => {
      ends.far.close()
      closed.resolve()
    }
    assert.ok(ends.far.arm())
    ends.near.write(0, 16, 1)
    await closed.promise
    await turnLoop()
    assertClosed(ends.far)
  })

  it('listener: close ends what waits in accept, and what comes later, with closed; twice is fine', async () => {
    using listener = await listen(harness)
    const waiting = [listener.accept(), listener.accept()]
    listener.close()
    listener.close()
    for (const each of [...waiting, listener.accept()]) await assert.rejects(each, code('closed'))
  })

  it('listener: close gives back connections that nobody has accepted', async () => {
    using listener = await listen(harness)
    const near = await harness.fabric.connect(listener.address, { ...SMALL, secret: SECRET })
    listener.close()
    await assert.rejects(listener.accept(), code('closed'))
    await pollUntilLost(near, NOTICE_MS)
    assert.equal(near.state, 'lost')
    near.close()
  })

  it('listener: close leaves accepted connections alone', async () => {
    using ends = await pair(harness)
    await turnLoop()
    ends.far.write(0, 0, 8)
    assert.equal(await receive(ends.near, ends.far), 8)
  })

  it(`connect, close: ${cycles} times leave no descriptor and no mapping behind`, async () => {
    const geometry = { outboundBytes: 8 * MIB, inboundBytes: 4 * MIB, depth: 16 }
    const cycle = async (): Promise<void> => {
      using ends = await pair(harness, geometry)
      ends.far.arm()
      ends.near.arm()
    }
    await cycle()
    await turnLoop()
    const descriptorsBefore = descriptors()
    const mapped = detaches ? mappedMib : bufferMib
    const mappedBefore = mapped()
    for (let times = 0; times < cycles; times++) await cycle()
    assert.equal(await settles(descriptors, descriptorsBefore), descriptorsBefore)
    // A tenth of what a leak of one window would be.
    const allowedMib = (cycles * 4) / 10
    assert.ok((await settles(mapped, mappedBefore + allowedMib)) <= mappedBefore + allowedMib)
  })

  it(
    'close: gives the memory back at once, also while somebody refers to a view',
    { skip: !separate || !detaches },
    async () => {
      const windowMib = 64
      const geometry = { outboundBytes: windowMib * MIB, inboundBytes: windowMib * MIB, depth: 16 }
      const before = residentMib()
      using ends = await pair(harness, geometry)
      const views = [ends.near.outbound, ends.far.outbound].map((window) => new Uint8Array(window as ArrayBuffer))
      for (const view of views) view.fill(1)
      assert.ok(residentMib() > before + windowMib)
      ends.near.close()
      ends.far.close()
      assert.ok(residentMib() < before + windowMib)
      assert.deepEqual(
        views.map((view) => view.length),
        [0, 0],
      )
    },
  )

  it('connect: refused ones leave no descriptor behind', async () => {
    using listener = await listen(harness)
    const refused = (): Promise<void> =>
      assert.rejects(harness.fabric.connect(listener.address, { ...SMALL, depth: 3, secret: SECRET }), code('refused'))
    await refused()
    await turnLoop()
    const before = descriptors()
    for (let times = 0; times < 20; times++) await refused()
    assert.equal(await settles(descriptors, before), before)
  })

  it('connect: abandoned accepts leave no descriptor behind', async () => {
    await turnLoop()
    const before = descriptors()
    using listener = await listen(harness)
    const near = await Promise.all(
      Array.from({ length: 10 }, () => harness.fabric.connect(listener.address, { ...SMALL, secret: SECRET })),
    )
    listener.close()
    for (const end of near) end.close()
    assert.equal(await settles(descriptors, before), before)
  })

  it('ref: keeps a process alive until it is woken', { skip: !separate }, async () => {
    await using peer = await startPeer(harness, { role: 'armed', referenced: true })
    // Long enough for the process to exit if nothing kept it alive.
    await delay(300)
    peer.end.write(0, 16, 1)
    assert.equal(await peer.exited, WOKEN)
  })

  it('unref: an armed connection does not keep a process alive', { skip: !separate }, async () => {
    await using peer = await startPeer(harness, { role: 'armed', referenced: false })
    assert.equal(await Promise.race([peer.exited, delay(NOTICE_MS, 'still alive', { ref: false })]), 0)
  })
}
