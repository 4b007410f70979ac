/** Channel, dispatcher and invocation server over the in-process fabric: the data path without any process. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { attach, MemoryFabric, type MemoryFabricOptions } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import type { LoadedFunction } from '../../executor/load.ts'
import { InvocationServer } from '../../executor/server.ts'
import { isRaw, raw } from '../../raw.ts'
import { geometryOf, slotLayout, type SlotLayout } from '../../protocol/slots.ts'
import { Channel } from './channel.ts'
import type { RemoteFunction } from './wire.ts'
import { Dispatcher } from './dispatcher.ts'

const gates: PromiseWithResolvers<void>[] = []

const MODULE = {
  add: (a: number, b: number) => a + b,
  boom: () => {
    throw new TypeError('kaboom')
  },
  echo: raw((input, output) => {
    output.set(input)
    return input.length
  }),
  fraction: raw(() => 1.5),
  greedy: raw(() => 1e6),
  held: async (value: unknown) => {
    const gate = Promise.withResolvers<void>()
    gates.push(gate)
    await gate.promise
    return value
  },
  long: (n: number) => 'x'.repeat(n),
}

const LOADED = Object.entries(MODULE).map(([name, call]) => ({
  name,
  raw: isRaw(call),
  call,
})) as LoadedFunction[]

function f(name: keyof typeof MODULE): RemoteFunction {
  const index = LOADED.findIndex((loaded) => loaded.name === name)
  return { name, index, raw: LOADED[index]!.raw }
}

/** One client and one worker; the worker serves on the event loop. */
async function pair(layout: SlotLayout, options: MemoryFabricOptions = {}): Promise<Channel> {
  const fabric = new MemoryFabric(options)
  const geometry = geometryOf(layout)
  const secret = new Uint8Array(32)
  const listener = await fabric.listen({ ...geometry, secret })
  const near = await fabric.connect(listener.address, { ...geometry, secret })
  const far = attach(await listener.accept())
  listener.close()
  const server = new InvocationServer(far, layout, LOADED)
  far.ref()
  const serve = (): void => {
    do {
      for (let slot = far.poll(); slot >= 0; slot = far.poll()) server.serve(slot)
    } while (far.state === 'open' && !far.arm())
    if (far.state === 'lost') far.close()
  }
  far.onReady = serve
  far.arm()
  return new Channel(near, layout, 'The worker')
}

const over = new RfaasError('lease_closed', 'the test is over')

describe('data path', () => {
  const layout = slotLayout(2, 256)
  let channel: Channel
  let dispatcher: Dispatcher

  beforeEach(async () => {
    gates.length = 0
    channel = await pair(layout)
    dispatcher = new Dispatcher([channel], 3, 0)
  })

  afterEach(() => channel.close(over))

  test('typed values go and come', async () => {
    assert.equal(await dispatcher.call(f('add'), [1, 2]), 3)
  })

  test('raw bytes come back as a copy that the caller owns', async () => {
    const one = (await dispatcher.call(f('echo'), [Uint8Array.of(1, 2, 3)])) as Uint8Array
    await dispatcher.call(f('echo'), [Uint8Array.of(9, 9, 9)])
    assert.deepEqual(one, Uint8Array.of(1, 2, 3))
  })

  test('a slot is filled and read in place', async () => {
    const slot = dispatcher.inPlace.reserve(4, undefined)
    slot.input.set([4, 3, 2, 1])
    assert.deepEqual(await dispatcher.inPlace.invoke(f('echo'), slot, 4), Uint8Array.of(4, 3, 2, 1))
    slot.release()
    slot.release()
    assert.throws(() => slot.check(4), { code: 'invalid_argument' })
  })

  test('a slot in flight cannot be invoked again; released, it is given back with the answer, of which there is a copy', async () => {
    const slot = dispatcher.inPlace.reserve(4, undefined)
    slot.input.set([1, 2, 3, 4])
    const first = dispatcher.inPlace.invoke(f('echo'), slot, 4)
    await assert.rejects(dispatcher.inPlace.invoke(f('echo'), slot, 4), { code: 'invalid_argument' })
    slot.release()
    slot.release()
    assert.equal(channel.freeSlots, 1)
    const result = await first
    assert.equal(channel.freeSlots, 2)
    using other = dispatcher.inPlace.reserve(4, undefined)
    other.input.fill(9)
    await dispatcher.inPlace.invoke(f('echo'), other, 4)
    assert.deepEqual(result, Uint8Array.of(1, 2, 3, 4))
  })

  test('using a slot and aborting, again and again, loses no slot and hides no error', async () => {
    for (let times = 0; times < 5; times++) {
      const stop = new AbortController()
      const use = async (): Promise<void> => {
        using slot = dispatcher.inPlace.reserve(4, undefined)
        const result = dispatcher.inPlace.invoke(f('echo'), slot, 4, stop.signal)
        stop.abort(new Error('enough'))
        await result
      }
      await assert.rejects(use(), { code: 'aborted', message: /enough/ })
      // The worker answers all the same, and the slot is back.
      while (channel.freeSlots < 2) await new Promise((resolve) => setImmediate(resolve))
    }
  })

  test('a failing function gives its message; the next invocation is served', async () => {
    await assert.rejects(dispatcher.call(f('boom'), []), {
      code: 'function_failed',
      message: /boom threw TypeError: kaboom/,
    })
    assert.equal(await dispatcher.call(f('add'), [2, 2]), 4)
  })

  test('sizes that do not fit are refused on both ways', async () => {
    await assert.rejects(dispatcher.call(f('echo'), [new Uint8Array(257)]), { code: 'payload_too_large' })
    await assert.rejects(dispatcher.call(f('add'), ['y'.repeat(300)]), { code: 'payload_too_large' })
    await assert.rejects(dispatcher.call(f('long'), [300]), { code: 'result_too_large' })
    await assert.rejects(dispatcher.call(f('greedy'), [new Uint8Array(1)]), { code: 'result_too_large' })
    await assert.rejects(dispatcher.call(f('fraction'), [new Uint8Array(1)]), { code: 'function_failed' })
    await assert.rejects(dispatcher.call(f('echo'), ['text']), { code: 'invalid_argument' })
    assert.throws(() => dispatcher.inPlace.reserve(257, undefined), { code: 'payload_too_large' })
    assert.throws(() => dispatcher.inPlace.reserve(1, 1), { code: 'invalid_argument' })
    assert.equal(channel.freeSlots, 2)
  })

  test('an unknown function number is an error of that invocation only', async () => {
    await assert.rejects(dispatcher.call({ name: 'ghost', index: 99, raw: true }, [new Uint8Array(1)]), {
      code: 'unknown_function',
    })
    assert.equal(await dispatcher.call(f('add'), [0, 1]), 1)
  })

  test('invocations beyond the slots wait in order, beyond queueMax they are refused at once', async () => {
    const order: unknown[] = []
    const calls = [0, 1, 2, 3, 4].map((i) => dispatcher.call(f('held'), [i]).then((value) => order.push(value)))
    await assert.rejects(dispatcher.call(f('held'), [5]), { code: 'queue_full' })
    // Open each gate as its invocation arrives at the worker.
    for (let opened = 0; opened < 5; opened++) {
      while (gates.length <= opened) await new Promise((resolve) => setImmediate(resolve))
      gates[opened]!.resolve()
    }
    await Promise.all(calls)
    assert.deepEqual(order, [0, 1, 2, 3, 4])
  })

  test('when the worker is lost, onLost is called once and close fails what is in flight', async () => {
    let lost = 0
    channel.onLost = () => {
      lost++
      channel.close(new RfaasError('executor_lost', 'gone'))
    }
    const broken = await pair(layout, { loss: 1 })
    const alone = new Dispatcher([broken], 3, 0)
    broken.onLost = () => {
      lost++
      broken.close(new RfaasError('executor_lost', 'gone'))
    }
    await assert.rejects(alone.call(f('add'), [1, 1]), { code: 'executor_lost' })
    assert.equal(lost, 1)
  })

  test('a call to a worker that is gone already fails with the reason, as one in flight does', async () => {
    const broken = await pair(layout, { loss: 1 })
    const alone = new Dispatcher([broken], 3, 0)
    const heard = Promise.withResolvers<void>()
    broken.onLost = heard.resolve
    const inFlight = alone.call(f('add'), [1, 1])
    await heard.promise
    const late = alone.call(f('add'), [2, 2])
    const reason = { code: 'lease_closed', message: 'lease_closed: the lease expired' }
    const failed = [
      assert.rejects(inFlight, { ...reason, outcome: 'unknown' }),
      assert.rejects(late, { ...reason, outcome: 'not_run' }),
    ]
    broken.close(new RfaasError('lease_closed', 'the lease expired'))
    await Promise.all(failed)
  })

  test('end refuses what waits and what comes', async () => {
    const inFlight = [dispatcher.call(f('held'), [1]), dispatcher.call(f('held'), [2])]
    const waiting = dispatcher.call(f('add'), [1, 1])
    dispatcher.end(over)
    await assert.rejects(waiting, { code: 'lease_closed' })
    await assert.rejects(dispatcher.call(f('add'), [1, 1]), { code: 'lease_closed' })
    while (gates.length < 2) await new Promise((resolve) => setImmediate(resolve))
    for (const gate of gates) gate.resolve()
    assert.deepEqual(await Promise.all(inFlight), [1, 2])
    channel.close(over)
  })

  test('thousands that are answered at once do not grow the stack', async () => {
    const many = await pair(slotLayout(1000, 64))
    const wide = new Dispatcher([many], 20_000, 0)
    const sums = await Promise.all(Array.from({ length: 20_000 }, (_, i) => wide.call(f('add'), [i, 1])))
    assert.equal(sums.length, 20_000)
    assert.ok(sums.every((sum, i) => sum === i + 1))
    many.close(over)
  })

  test('results that arrive late, by latency, find their invocation', async () => {
    const slow = await pair(layout, { latencyMs: 5 })
    const sums = new Dispatcher([slow], 100, 0)
    assert.deepEqual(await Promise.all([0, 1, 2, 3].map((i) => sums.call(f('add'), [i, i]))), [0, 2, 4, 6])
    slow.close(over)
  })
})
