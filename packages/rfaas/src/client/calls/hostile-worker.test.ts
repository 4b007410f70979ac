/** A worker that breaks the protocol: its client loses it, and nothing else. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'

import { attach, openFabric, type Connection, type FabricName } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../raw.ts'
import { FAREWELL, geometryOf, LARGE_TAKEN, slotLayout, type SlotLayout } from '../../protocol/slots.ts'
import { ITEMS_ENOUGH, ITEMS_WANTED } from '../../protocol/streamed-argument.ts'
import { Channel } from './channel.ts'
import { Dispatcher } from './dispatcher.ts'
import { remote, startTestWorker } from './test-workers.ts'

const ECHO = { name: 'echo', index: 0, raw: true }
const layout = slotLayout(2, 64)
const growing = slotLayout(2, 64, 4096)
const gone = new RfaasError('executor_lost', 'it is gone')

/** A client's channel, and the worker's end of it in the hands of the test. */
async function openChannel(
  t: TestContext,
  name: FabricName,
  layout: SlotLayout,
): Promise<{ channel: Channel; worker: Connection }> {
  const fabric = openFabric(name)
  const secret = new Uint8Array(32)
  const geometry = { ...geometryOf(layout), secret }
  const listener = await fabric.listen(geometry)
  const accepting = listener.accept()
  const near = await fabric.connect(listener.address, geometry)
  const worker = attach(await accepting)
  listener.close()
  const channel = new Channel(near, layout, 'The worker')
  t.after(() => {
    channel.close(gone)
    worker.close()
  })
  return { channel, worker }
}

function lossOf(channel: Channel): Promise<void> {
  const lost = Promise.withResolvers<void>()
  channel.onLost = lost.resolve
  return lost.promise
}

for (const fabric of ['local', 'tcp', 'memory'] as const) {
  describe(`over ${fabric}, a worker`, () => {
    for (const [what, immediate, shape = layout] of [
      ['a slot in which nothing is in flight', 1],
      ['a slot that does not exist', 77],
      ['a number that is neither slot nor farewell', FAREWELL + 1],
      ['that it has taken a large payload, without one', LARGE_TAKEN, growing],
      ['that it wants items of an argument that does not stream', ITEMS_WANTED],
      ['that it wants no more items, of none', ITEMS_ENOUGH + 1],
    ] as [string, number, SlotLayout?][]) {
      test(`that answers ${what} is lost to its client`, async (t) => {
        const { channel, worker } = await openChannel(t, fabric, shape)
        const lost = lossOf(channel)
        const dispatcher = new Dispatcher([channel], 1, 0)
        const call = assert.rejects(dispatcher.call(ECHO, [new Uint8Array(1)]), { code: 'executor_lost' })
        worker.write(0, 64, immediate)
        // Over tcp an end moves bytes only while it polls or is armed.
        worker.arm()
        await lost
        assert.equal(channel.isOpen, false)
        dispatcher.end(gone)
        dispatcher.removeLost([channel], gone)
        await call
      })
    }

    test('that wants items again before it has those that it wanted is lost, and the iterable is closed', async (t) => {
      const { channel, worker } = await openChannel(t, fabric, slotLayout(2, 1024))
      const lost = lossOf(channel)
      const dispatcher = new Dispatcher([channel], 1, 0)
      const source = (async function* () {
        for (;;) yield await new Promise(setImmediate)
      })()
      const call = assert.rejects(dispatcher.call({ ...ECHO, raw: false }, [source]), { code: 'executor_lost' })
      worker.write(0, 0, ITEMS_WANTED)
      worker.write(0, 0, ITEMS_WANTED)
      worker.arm()
      await lost
      dispatcher.end(gone)
      dispatcher.removeLost([channel], gone)
      await call
      assert.deepEqual(await source.next(), { value: undefined, done: true })
    })

    test('that says farewell twice is lost; what it had not answered did not run, by its own word', async (t) => {
      const { channel, worker } = await openChannel(t, fabric, layout)
      const dispatcher = new Dispatcher([channel], 1, 0)
      const call = assert.rejects(dispatcher.call(ECHO, [new Uint8Array(1)]), { outcome: 'not_run' })
      const drained = Promise.withResolvers<void>()
      channel.onDrained = drained.resolve
      worker.finish(FAREWELL)
      worker.finish(FAREWELL)
      worker.arm()
      await drained.promise
      dispatcher.end(gone)
      dispatcher.removeLost([channel], gone)
      await call
    })
  })
}

describe('a worker that never makes room', () => {
  const MODULE = { echo: raw((input) => input.length) }

  test('does not hold its client: what cannot be sent waits, can be aborted, and did not run', async () => {
    const { channel, served } = await startTestWorker(MODULE, 2, () => false)
    const dispatcher = new Dispatcher([channel], 1, 0)
    const stop = new AbortController()
    const aborted = assert.rejects(dispatcher.call(remote(MODULE, 'echo'), [new Uint8Array(1)], stop.signal), {
      code: 'aborted',
    })
    const call = dispatcher.call(remote(MODULE, 'echo'), [new Uint8Array(1)])
    await new Promise(setImmediate)
    stop.abort()
    await aborted
    const failed = assert.rejects(call, { code: 'executor_lost', outcome: 'not_run' })
    dispatcher.end(gone)
    dispatcher.removeLost([channel], gone)
    await failed
    assert.equal(served(), 0)
  })

  test('counts as lost when a synchronous invocation has waited for long', async (t) => {
    const { channel } = await startTestWorker(MODULE, 2, () => false)
    const dispatcher = new Dispatcher([channel], 1, 0)
    using slot = dispatcher.inPlace.reserve(1, undefined)
    let nowMs = performance.now()
    t.mock.method(performance, 'now', () => (nowMs += 100))
    assert.throws(() => dispatcher.inPlace.invokeSync(remote(MODULE, 'echo'), slot, 1), {
      code: 'executor_lost',
      outcome: 'not_run',
    })
    t.mock.restoreAll()
    channel.close(gone)
  })
})
