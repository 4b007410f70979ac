import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../raw.ts'
import { Dispatcher } from './dispatcher.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

const MODULE = { size: raw((input) => input.length) }

describe('Slot', () => {
  let worker: TestWorker
  let dispatcher: Dispatcher

  beforeEach(async () => {
    worker = await startTestWorker(MODULE, 2)
    dispatcher = new Dispatcher([worker.channel], 0, 0)
  })
  afterEach(() => worker.channel.close(new RfaasError('lease_closed', 'the test is over')))

  test('has the room that was asked for, from none to all', () => {
    for (const byteLength of [0, 1, 256]) {
      using slot = dispatcher.inPlace.reserve(byteLength, undefined)
      assert.equal(slot.input.length, byteLength)
    }
  })

  test('goes out with the bytes that were said, no more than it was reserved for', async () => {
    using slot = dispatcher.inPlace.reserve(100, undefined)
    for (const byteLength of [-1, 0.5, 101, NaN, Infinity]) {
      await assert.rejects(dispatcher.inPlace.invoke(remote(MODULE, 'size'), slot, byteLength), {
        code: 'payload_too_large',
        message: new RegExp(`with ${byteLength} bytes: the slot was reserved for 100`),
      })
    }
    assert.equal(worker.served(), 0)
    assert.equal((await dispatcher.inPlace.invoke(remote(MODULE, 'size'), slot, 100)).length, 100)
  })

  test('is taken until it is released, which frees it once', () => {
    const one = dispatcher.inPlace.reserve(1, undefined)
    const two = dispatcher.inPlace.reserve(1, undefined)
    assert.throws(() => dispatcher.inPlace.reserve(1, undefined), {
      code: 'queue_full',
      outcome: 'not_run',
      message: /all 2 are taken/,
    })
    one.release()
    one.release()
    one[Symbol.dispose]()
    assert.equal(worker.channel.freeSlots, 1)
    two.release()
    assert.equal(worker.channel.freeSlots, 2)
  })

  test('of another lease, or released, cannot be invoked', async () => {
    const other = await startTestWorker(MODULE, 1)
    const elsewhere = new Dispatcher([other.channel], 0, 0)
    const slot = elsewhere.inPlace.reserve(8, undefined)
    await assert.rejects(dispatcher.inPlace.invoke(remote(MODULE, 'size'), slot, 8), {
      code: 'invalid_argument',
      message: /belongs to another lease/,
    })
    assert.throws(() => dispatcher.inPlace.invokeSync(remote(MODULE, 'size'), slot, 8), { code: 'invalid_argument' })
    slot.release()
    await assert.rejects(elsewhere.inPlace.invoke(remote(MODULE, 'size'), slot, 8), { message: /the slot is released/ })
    assert.equal(other.served(), 0)
    other.channel.close(new RfaasError('lease_closed', 'the test is over'))
  })
})
