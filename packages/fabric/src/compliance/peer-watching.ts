import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { attach } from '../index.ts'
import { watchPeer } from '../peer-watch.ts'
import { code } from './connecting.ts'
import { pollUntilLost, receive } from './drive.ts'
import { listen, NOTICE_MS, SECRET, SMALL, type Harness } from './harness.ts'

/** Turns of the event loop during which a write could be mistaken for the end of the connection. */
const TURNS = 20

/** One connection, accepted and not attached. */
async function accepted(harness: Harness) {
  using listener = await listen(harness)
  const accepting = listener.accept()
  const near = await harness.fabric.connect(listener.address, { ...SMALL, secret: SECRET })
  return { near, handle: await accepting }
}

async function within(ms: number, gone: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => late.reject(new Error(`not told within ${ms} ms`)), ms)
  await Promise.race([gone, late.promise]).finally(() => clearTimeout(timer))
}

export function testPeerWatching(harness: Harness): void {
  // Without separate processes there is nothing to watch.
  if (!harness.separate) return

  it('watchPeer: tells of the end though nobody looks at the connection, and not of data', async () => {
    const { near, handle } = await accepted(harness)
    const gone = Promise.withResolvers<void>()
    let calls = 0
    watchPeer(handle, () => {
      calls++
      gone.resolve()
    })
    near.write(0, 16, 5)
    for (let turn = 0; turn < TURNS; turn++) {
      near.poll()
      await setImmediate()
    }
    assert.equal(calls, 0)
    near.close()
    await within(NOTICE_MS, gone.promise)
    // What was written before the end remains for a thread that attaches late.
    const far = attach(handle)
    assert.equal(await receive(far), 5)
    assert.deepEqual(await pollUntilLost(far, NOTICE_MS), [])
    assert.equal(calls, 1)
    far.close()
  })

  it('watchPeer: does not keep our own end open, and tells nothing of it', async () => {
    const { near, handle } = await accepted(harness)
    let calls = 0
    const stop = watchPeer(handle, () => calls++)
    attach(handle).close()
    assert.deepEqual(await pollUntilLost(near, NOTICE_MS), [])
    assert.equal(calls, 0)
    stop()
    stop()
    near.close()
  })

  it('watchPeer: is called off, and refuses what is closed', async () => {
    const { near, handle } = await accepted(harness)
    let calls = 0
    watchPeer(handle, () => calls++)()
    const far = attach(handle)
    near.close()
    assert.deepEqual(await pollUntilLost(far, NOTICE_MS), [])
    assert.equal(calls, 0)
    far.close()
    assert.throws(() => watchPeer(handle, () => {}), code('closed'))
  })
}
