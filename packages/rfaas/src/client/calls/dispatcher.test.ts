/** What the data path's own test, with one worker, does not reach. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { Dispatcher } from './dispatcher.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
const MODULE = {
  held: () => gate.promise,
  same: (value: number) => value,
}
const held = remote(MODULE, 'held')
const same = remote(MODULE, 'same')

describe('Dispatcher, of two workers with three slots each', () => {
  let workers: TestWorker[]
  let dispatcher: Dispatcher

  beforeEach(async () => {
    gate = Promise.withResolvers()
    workers = [await startTestWorker(MODULE, 3), await startTestWorker(MODULE, 3)]
    dispatcher = new Dispatcher(
      workers.map(({ channel }) => channel),
      2,
      0,
    )
  })
  afterEach(() => {
    for (const { channel } of workers) channel.close(new RfaasError('lease_closed', 'the test is over'))
  })

  const free = (): number[] => workers.map(({ channel }) => channel.freeSlots)

  test('spreads invocations evenly, and gives each to the worker with the most free slots', async () => {
    assert.equal(dispatcher.width, 6)
    const calls = [dispatcher.call(held, [])]
    assert.deepEqual(free(), [2, 3])
    calls.push(dispatcher.call(held, []))
    assert.deepEqual(free(), [2, 2])
    const slots = [dispatcher.reserve(1, 1), dispatcher.reserve(1, 1)]
    assert.deepEqual(free(), [2, 0])
    calls.push(dispatcher.call(held, []), dispatcher.call(held, []))
    assert.deepEqual(free(), [0, 0])
    gate.resolve()
    await Promise.all(calls)
    for (const slot of slots) slot.release()
    assert.deepEqual(free(), [3, 3])
  })

  test('reserves on the worker that was asked for, or on the freest', () => {
    using _one = dispatcher.reserve(1, 1)
    using _two = dispatcher.reserve(1, undefined)
    assert.deepEqual(free(), [2, 2])
    for (const worker of [2, -1, 0.5, NaN]) {
      assert.throws(() => dispatcher.reserve(1, worker), {
        code: 'invalid_argument',
        message: new RegExp(`no worker ${worker}, only 0 to 1`),
      })
    }
  })

  test('a slot that is given back is used by who waits for one', async () => {
    const slots = [0, 0, 0, 1, 1, 1].map((worker) => dispatcher.reserve(1, worker))
    const waiting = [dispatcher.call(same, [1]), dispatcher.call(same, [2])]
    await assert.rejects(dispatcher.call(same, [3]), { code: 'queue_full', message: /6 are in flight and 2 wait/ })
    slots[4]!.release()
    assert.deepEqual(await Promise.all(waiting), [1, 2])
    assert.deepEqual(free(), [0, 1])
  })

  test('a fabric without room for a moment sends each invocation once, and none is forgotten', async () => {
    let writes = 0
    // Every third write comes too early, and what it then polls settles others in the middle of it.
    const worker = await startTestWorker(MODULE, 4, () => ++writes % 3 !== 0)
    const crowded = new Dispatcher([worker.channel], 1000, 0)
    const values = Array.from({ length: 200 }, (_, i) => i)
    assert.deepEqual(await Promise.all(values.map((value) => crowded.call(same, [value]))), values)
    assert.equal(worker.served(), values.length)
    worker.channel.close(new RfaasError('lease_closed', 'the test is over'))
  })

  test('what cannot be sent takes no slot', async () => {
    await assert.rejects(dispatcher.call(same, [() => {}]), {
      code: 'invalid_argument',
      message: /cannot be cloned/,
    })
    await assert.rejects(dispatcher.call(same, ['long'.repeat(100)]), { code: 'payload_too_large' })
    assert.deepEqual(free(), [3, 3])
  })

  test('thousands in the queue that cannot be sent are refused, and do not grow the stack', async () => {
    const long = new Dispatcher([workers[0]!.channel], 20_000, 0)
    const calls = Array.from({ length: 3 }, () => long.call(held, []))
    const refused = Array.from({ length: 20_000 }, () => long.call(same, ['long'.repeat(100)]))
    gate.resolve()
    await Promise.all(calls)
    for (const outcome of await Promise.allSettled(refused)) {
      assert.equal(outcome.status === 'rejected' && (outcome.reason as RfaasError).code, 'payload_too_large')
    }
    assert.deepEqual(free(), [3, 3])
  })

  test('when a worker is lost and all is ended, every invocation fails with the reason, at once', async () => {
    const calls = Array.from({ length: 8 }, () => dispatcher.call(held, []))
    const reason = new RfaasError('executor_lost', 'it went away')
    dispatcher.end(reason)
    for (const { channel } of workers) channel.close(reason)
    for (const outcome of await Promise.allSettled(calls)) {
      assert.deepEqual(outcome.status === 'rejected' && outcome.reason, reason)
    }
    await assert.rejects(dispatcher.call(same, [1]), reason)
    assert.throws(() => dispatcher.reserve(1, undefined), reason)
    dispatcher.end(new RfaasError('lease_closed', 'a later reason'))
    await assert.rejects(dispatcher.call(same, [1]), reason)
  })

  test('whatever one turn of the event loop sends is on its way before anybody spins', async () => {
    // The in-process worker serves on the same event loop: a spin cannot succeed.
    const spinning = new Dispatcher([workers[0]!.channel], 2, 1)
    const calls = [spinning.call(same, [5]), spinning.call(same, [6])]
    assert.equal(workers[0]!.channel.waiting, 2)
    const sentMs = performance.now()
    await Promise.resolve()
    await Promise.resolve()
    assert.ok(performance.now() - sentMs >= 1, `it spun ${performance.now() - sentMs} ms, not 1`)
    assert.deepEqual(await Promise.all(calls), [5, 6])
  })

  describe('of which one is lost', () => {
    const gone = new RfaasError('executor_lost', 'it went away')
    const nothing = { hasNotRun: false, isIdempotent: () => false }
    const channel = (worker: number) => workers[worker]!.channel

    test('what was in flight fails, what waits goes to those that are left or come', async () => {
      const calls = [dispatcher.call(held, [1]), dispatcher.call(held, [2])]
      const failed = assert.rejects(calls[0]!, { code: 'executor_lost' })
      dispatcher.lose([channel(0)], gone, nothing)
      await failed
      assert.equal(dispatcher.width, 3)
      calls.push(dispatcher.call(held, [3]), dispatcher.call(held, [4]), dispatcher.call(same, [5]))
      const other = await startTestWorker(MODULE, 3)
      workers.push(other)
      assert.equal(other.served(), 0)
      dispatcher.add([other.channel])
      assert.equal(await calls.at(-1), 5)
      assert.equal(other.served(), 1)
      gate.resolve()
      await Promise.all(calls.slice(1))
    })

    test('what may run twice, or has not run, is sent again, before what waits; what has not run only once', async () => {
      for (const [rule, times] of [
        [{ hasNotRun: false, isIdempotent: (name: string) => name === 'held' }, 3],
        [{ hasNotRun: true, isIdempotent: () => false }, 1],
      ] as const) {
        let channels = workers.map(({ channel }) => channel)
        const call = dispatcher.call(held, [])
        call.catch(() => {})
        for (let time = 1; time <= 3; time++) {
          const other = await startTestWorker(MODULE, 1)
          workers.push(other)
          dispatcher.lose(channels, gone, rule)
          dispatcher.add([other.channel])
          channels = [other.channel]
          assert.equal(other.channel.waiting, time <= times ? 1 : 0, `${time} of ${times}`)
        }
        gate.resolve()
        if (times === 1) await assert.rejects(call, { code: 'executor_lost' })
        else await call
      }
    })

    test('one that retires finishes what it has and takes no more', async () => {
      const [first, second] = [dispatcher.call(held, []), dispatcher.call(held, [])]
      dispatcher.retire([channel(0)])
      const more = [dispatcher.call(held, []), dispatcher.call(held, [])]
      assert.deepEqual(free(), [2, 0])
      gate.resolve()
      await Promise.all([first, second, ...more])
      assert.deepEqual([workers[0]!.served(), workers[1]!.served()], [1, 3])
    })

    test('while there is none, calls wait, up to the queue’s bound, and no slot is to be had', async () => {
      dispatcher.lose([channel(0), channel(1)], gone, nothing)
      const waiting = [dispatcher.call(same, [1]), dispatcher.call(same, [2])]
      await assert.rejects(dispatcher.call(same, [3]), { code: 'queue_full' })
      assert.throws(() => dispatcher.reserve(1, undefined), { code: 'queue_full', message: /others not there yet/ })
      assert.equal(dispatcher.width, 6, 'as it was')
      const other = await startTestWorker(MODULE, 1)
      workers.push(other)
      dispatcher.add([other.channel])
      assert.deepEqual(await Promise.all(waiting), [1, 2])
    })

    test('one that was aborted is not sent again', async () => {
      const stop = new AbortController()
      const call = assert.rejects(dispatcher.call(held, [], stop.signal), { code: 'aborted' })
      stop.abort()
      await call
      const other = await startTestWorker(MODULE, 1)
      workers.push(other)
      dispatcher.lose([channel(0), channel(1)], gone, { hasNotRun: true, isIdempotent: () => true })
      dispatcher.add([other.channel])
      assert.equal(await dispatcher.call(same, [1]), 1)
      assert.equal(other.served(), 1)
    })
  })
})
