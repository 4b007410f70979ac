/** What becomes of invocations whose AbortSignal fires: before they are sent, while they wait, in flight, and too late. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../raw.ts'
import { NASTY } from '../../test-thrown.ts'
import { Dispatcher } from './dispatcher.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
const MODULE = {
  held: () => gate.promise,
  heldBytes: raw(async (input) => {
    await gate.promise
    return input.length
  }),
  same: (value: number) => value,
}
const held = remote(MODULE, 'held')
const heldBytes = remote(MODULE, 'heldBytes')
const same = remote(MODULE, 'same')
const REASON = new Error('nobody wants to know any more')

describe('an AbortSignal', () => {
  let worker: TestWorker
  let dispatcher: Dispatcher
  let controller: AbortController

  beforeEach(async () => {
    gate = Promise.withResolvers()
    worker = await startTestWorker(MODULE, 2)
    dispatcher = new Dispatcher([worker.channel], 4, 0)
    controller = new AbortController()
  })
  afterEach(() => worker.channel.close(new RfaasError('lease_closed', 'the test is over')))

  const isAborted = (error: unknown): boolean => {
    assert.ok(error instanceof RfaasError && error.code === 'aborted', String(error))
    assert.equal(error.cause, REASON)
    assert.match(error.message, /its signal fired: nobody wants to know any more/)
    return true
  }
  const nobodyListens = (): void => assert.deepEqual(getEventListeners(controller.signal, 'abort'), [])

  test('that has fired before: nothing is sent, no slot is taken', async () => {
    controller.abort(REASON)
    using slot = dispatcher.inPlace.reserve(8, undefined)
    await assert.rejects(dispatcher.call(same, [1], controller.signal), isAborted)
    await assert.rejects(dispatcher.inPlace.invoke(heldBytes, slot, 8, controller.signal), isAborted)
    await assert.rejects(dispatcher.inPlace.invokeAll(heldBytes, [slot], controller.signal), isAborted)
    assert.equal(worker.served(), 0)
    assert.equal(worker.channel.freeSlots, 1)
    nobodyListens()
  })

  test('while it waits for a slot: it is not sent, and those behind it are', async () => {
    const inFlight = [dispatcher.call(held, []), dispatcher.call(held, [])]
    const waits = dispatcher.call(same, [1], controller.signal)
    const behind = dispatcher.call(same, [2])
    controller.abort(REASON)
    await assert.rejects(waits, isAborted)
    gate.resolve()
    await Promise.all(inFlight)
    assert.equal(await behind, 2)
    assert.equal(worker.served(), 3)
    nobodyListens()
  })

  test('in flight: who waits hears it at once, and the slot comes back with the answer', async () => {
    const call = dispatcher.call(held, [], controller.signal)
    const other = dispatcher.call(held, [])
    controller.abort(REASON)
    await assert.rejects(call, isAborted)
    assert.equal(worker.channel.freeSlots, 0)
    const waits = dispatcher.call(same, [3])
    gate.resolve()
    assert.equal(await waits, 3)
    await other
    assert.equal(worker.channel.freeSlots, 2)
    nobodyListens()
  })

  for (const [what, reason] of NASTY) {
    test(`in flight, with ${what} as the reason`, async () => {
      const call = dispatcher.call(held, [], controller.signal)
      controller.abort(reason)
      await assert.rejects(call, { code: 'aborted' })
      gate.resolve()
    })
  }

  test('in flight in a slot: it can be used again when the worker has answered', async () => {
    using slot = dispatcher.inPlace.reserve(8, undefined)
    const call = dispatcher.inPlace.invoke(heldBytes, slot, 8, controller.signal)
    controller.abort(REASON)
    await assert.rejects(call, isAborted)
    await assert.rejects(dispatcher.inPlace.invoke(heldBytes, slot, 8), {
      code: 'invalid_argument',
      message: /in flight/,
    })
    gate.resolve()
    // The answer to the first is on its way before that to this one.
    await dispatcher.call(same, [1])
    assert.equal((await dispatcher.inPlace.invoke(heldBytes, slot, 4)).length, 4)
    nobodyListens()
  })

  test('in flight as one of many', async () => {
    const slots = [dispatcher.inPlace.reserve(8, undefined), dispatcher.inPlace.reserve(8, undefined)]
    const all = dispatcher.inPlace.invokeAll(heldBytes, slots, controller.signal)
    controller.abort(REASON)
    await assert.rejects(all, isAborted)
    gate.resolve()
    while (worker.channel.waiting > 0) await new Promise(setImmediate)
    for (const slot of slots) slot.release()
    nobodyListens()
  })

  test('is not held on to by what is refused before anything is sent', async () => {
    const slot = dispatcher.inPlace.reserve(8, undefined)
    slot.release()
    await assert.rejects(dispatcher.inPlace.invoke(heldBytes, slot, 8, controller.signal), { code: 'invalid_argument' })
    await assert.rejects(dispatcher.inPlace.invokeAll(heldBytes, [slot], controller.signal), {
      code: 'invalid_argument',
    })
    await assert.rejects(dispatcher.call(same, [() => {}], controller.signal), { code: 'invalid_argument' })
    nobodyListens()
  })

  test('that fires too late changes nothing, and is not held on to', async () => {
    assert.equal(await dispatcher.call(same, [5], controller.signal), 5)
    using slot = dispatcher.inPlace.reserve(8, undefined)
    gate.resolve()
    await dispatcher.inPlace.invoke(heldBytes, slot, 8, controller.signal)
    await dispatcher.inPlace.invokeAll(heldBytes, [slot], controller.signal)
    nobodyListens()
    controller.abort(REASON)
    assert.equal(worker.channel.freeSlots, 1)
  })

  test('of a map: what was not sent yet is not sent', async () => {
    const invoker = new Invoker<typeof MODULE>(new FunctionTable([held]), dispatcher, { signal: controller.signal })
    const map = invoker.map.held as unknown as (inputs: number[]) => Promise<unknown[]>
    const mapped = map([1, 2, 3, 4, 5])
    controller.abort(REASON)
    await assert.rejects(mapped, isAborted)
    gate.resolve()
    while (worker.channel.waiting > 0) await new Promise(setImmediate)
    assert.equal(worker.served(), 2)
    nobodyListens()
  })

  test('of a worker that is gone', async () => {
    const call = dispatcher.call(held, [], controller.signal)
    worker.channel.close(new RfaasError('executor_lost', 'it went away'))
    await assert.rejects(call, { code: 'executor_lost' })
    nobodyListens()
  })
})
