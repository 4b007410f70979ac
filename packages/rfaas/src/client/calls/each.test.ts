/** A call on each worker: once on every one, behind what it runs, and nowhere else. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { Dispatcher } from './dispatcher.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
const MODULE = { held: () => gate.promise, same: (value: number) => value }
const held = remote(MODULE, 'held')
const same = remote(MODULE, 'same')

describe('a call on each of two workers with three slots each', () => {
  let workers: TestWorker[]
  let dispatcher: Dispatcher

  const dispatcherOf = (isIdempotent: (name: string) => boolean): Dispatcher => {
    const channels = workers.map(({ channel }) => channel)
    return new Dispatcher(channels, 2, 0, isIdempotent)
  }
  beforeEach(async () => {
    gate = Promise.withResolvers()
    workers = [await startTestWorker(MODULE, 3), await startTestWorker(MODULE, 3)]
    dispatcher = dispatcherOf(() => false)
  })
  afterEach(() => {
    for (const { channel } of workers) channel.close(new RfaasError('lease_closed', 'the test is over'))
  })

  const free = (): number[] => workers.map(({ channel }) => channel.freeSlots)
  /** Calls that take all slots of both workers until the gate opens. */
  const fill = async (): Promise<Promise<unknown>[]> => {
    const calls = Array.from({ length: 6 }, () => dispatcher.call(held, []))
    while (free().some((slots) => slots > 0)) await new Promise(setImmediate)
    return calls
  }

  test('once on every worker; where all slots are taken, as soon as one is free', async () => {
    const calls = await fill()
    const order: string[] = []
    const queued = dispatcher.call(same, [1]).then(() => order.push('queued'))
    const each = dispatcher.each(same, [7]).then((results) => order.push(`each ${results.join()}`))
    assert.ok(dispatcher.isBusy)
    gate.resolve()
    await Promise.all([...calls, queued, each])
    assert.deepEqual(order.sort(), ['each 7,7', 'queued'])
    assert.deepEqual(
      workers.map((worker) => worker.served()).reduce((a, b) => a + b),
      9,
    )
    assert.deepEqual(free(), [3, 3])
  })

  test('more than queueMax that wait, and a worker whose slots are all reserved, are refused', async () => {
    const slots = [dispatcher.inPlace.reserve(1, 1), dispatcher.inPlace.reserve(1, 1), dispatcher.inPlace.reserve(1, 1)]
    await assert.rejects(dispatcher.each(same, [1]), { code: 'queue_full', outcome: 'not_run', message: /all 3 slots/ })
    for (const slot of slots) slot.release()
    const calls = await fill()
    const waiting = dispatcher.each(same, [1])
    await assert.rejects(dispatcher.each(same, [2]), {
      code: 'queue_full',
      outcome: 'not_run',
      message: /queueMax is 2/,
    })
    gate.resolve()
    assert.deepEqual(await waiting, [1, 1])
    await Promise.all(calls)
  })

  test('what waits for a worker that takes no more calls, or for a lease that ends, fails; it goes nowhere else', async () => {
    const calls = await fill()
    const lost = assert.rejects(dispatcher.each(same, [1]), { code: 'executor_lost', outcome: 'not_run' })
    dispatcher.retire([workers[0]!.channel])
    await lost
    const ended = assert.rejects(dispatcher.each(same, [2]), { code: 'lease_closed', outcome: 'not_run' })
    dispatcher.end(new RfaasError('lease_closed', 'it is over'))
    await ended
    gate.resolve()
    await Promise.all(calls)
    await assert.rejects(dispatcher.each(same, [3]), { code: 'lease_closed', outcome: 'not_run' })
  })

  test('a call in flight on a worker that is lost is not sent to another, though its function is idempotent', async () => {
    const idempotent = dispatcherOf(() => true)
    const each = assert.rejects(idempotent.each(held, []), { code: 'node_lost' })
    idempotent.removeLost([workers[0]!.channel], new RfaasError('node_lost', 'it is gone'))
    await each
    assert.equal(workers[1]!.served() <= 1, true)
    gate.resolve()
    await idempotent.whenIdle()
    assert.equal(workers[1]!.served(), 1)
  })
})
