/** Calls of functions that stream: how they find a slot, and what becomes of them when they get none, or lose it. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { Dispatcher } from './dispatcher.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
let begun = 0
const MODULE = {
  held: () => gate.promise,
  count: function* (to: number) {
    begun++
    for (let n = 0; n < to; n++) yield n
  },
  heldItems: async function* () {
    yield 1
    await gate.promise
    yield 2
  },
}
const names = ['held', 'count', 'heldItems'] as const

describe('a call that streams, on two workers with one slot each', () => {
  let workers: TestWorker[]
  let dispatcher: Dispatcher
  let invoker: Invoker<typeof MODULE>
  let maySend = true

  beforeEach(async () => {
    gate = Promise.withResolvers()
    begun = 0
    maySend = true
    workers = [await startTestWorker(MODULE, 1, () => maySend), await startTestWorker(MODULE, 1, () => maySend)]
    dispatcher = new Dispatcher(workers.map(({ channel }) => channel), 1, 0) // prettier-ignore
    invoker = new Invoker(new FunctionTable(names.map((name) => remote(MODULE, name))), dispatcher, {})
  })
  afterEach(() => {
    gate.resolve()
    for (const { channel } of workers) channel.close(new RfaasError('lease_closed', 'the test is over'))
  })
  const free = (): number[] => workers.map(({ channel }) => channel.freeSlots)

  test('waits for a slot as other calls do; one that is given up while it waits is never sent', async () => {
    const held = [invoker.call.held(), invoker.call.held()]
    const controller = new AbortController()
    const waiting = invoker.call.count.with({ signal: controller.signal })(3).next()
    await assert.rejects(invoker.call.count(3).next(), { code: 'queue_full', outcome: 'not_run' })
    controller.abort()
    await assert.rejects(waiting, { code: 'aborted', outcome: 'not_run' })
    await assert.rejects(invoker.call.count.with({ timeoutMs: 1 })(3).next(), {
      code: 'deadline_exceeded',
      outcome: 'not_run',
    })
    const queued = Array.fromAsync(invoker.call.count(3))
    gate.resolve()
    await Promise.all(held)
    assert.deepEqual([await queued, begun], [[0, 1, 2], 1])
    assert.deepEqual(free(), [1, 1])
    assert.ok(!dispatcher.isBusy)
  })

  test('an iterator that is made and left before its first item is asked for sends nothing', async () => {
    const items = invoker.call.count(3)
    assert.deepEqual(await items.return(undefined), { value: undefined, done: true })
    assert.deepEqual(await items.next(), { value: undefined, done: true })
    await assert.rejects(invoker.call.count(3).throw(new TypeError('mine')), TypeError)
    assert.equal(begun, 0)
  })

  test('one that has not run goes to another worker; one of which items were read does not', async () => {
    const taker = (): TestWorker => workers.find(({ channel }) => channel.freeSlots === 0)!
    const reading = invoker.call.heldItems()
    assert.equal((await reading.next()).value, 1)
    const its = taker()
    dispatcher.removeLost([its.channel], new RfaasError('executor_lost', 'The worker is gone'))
    await assert.rejects(reading.next(), { code: 'executor_lost', outcome: 'unknown' })
    const another = await startTestWorker(MODULE, 1)
    workers.push(another)
    const asked = Array.fromAsync(invoker.call.count(3))
    const drained = taker()
    // It has not looked yet at what it was sent.
    drained.drain()
    dispatcher.add([another.channel])
    assert.deepEqual(await asked, [0, 1, 2])
    assert.deepEqual([drained.served(), another.served() > 0], [0, true])
  })

  test('whoever does not read gets no more: nothing is sent until half of what has come is read', async () => {
    const items = invoker.call.count(1e6)
    for (let n = 0; n < 100; n++) await items.next()
    const served = (): number => workers[0]!.served() + workers[1]!.served()
    // What was asked for comes; then nothing moves.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    const before = served()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    assert.equal(served(), before)
    assert.ok(before <= 100, `${before} requests for 100 items`)
    assert.equal((await items.next()).value, 100)
    await items.return(undefined)
    assert.deepEqual(free(), [1, 1])
  })

  test('a close for which the fabric has no room is sent later', async () => {
    const items = invoker.call.count(1e6)
    await items.next()
    maySend = false
    const left = items.return(undefined)
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    maySend = true
    await left
    assert.deepEqual(free(), [1, 1])
  })
})
