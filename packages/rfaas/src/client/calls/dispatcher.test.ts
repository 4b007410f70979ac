/** The dispatcher, in what data-path.test.ts with its one worker does not reach. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../raw.ts'
import { RESERVED_PATIENCE_MS } from '../limits.ts'
import { Dispatcher } from './dispatcher.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
const MODULE = {
  held: () => gate.promise,
  never: () => new Promise(() => {}),
  same: (value: number) => value,
  echo: raw((input, output) => {
    output.set(input)
    return input.length
  }),
}
const echo = remote(MODULE, 'echo')
const never = remote(MODULE, 'never')
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
    const slots = [dispatcher.inPlace.reserve(1, 1), dispatcher.inPlace.reserve(1, 1)]
    assert.deepEqual(free(), [2, 0])
    calls.push(dispatcher.call(held, []), dispatcher.call(held, []))
    // They wait for a worker that has run the calls before them, until it turns out that all await something.
    assert.deepEqual(free(), [2, 0])
    while (free()[0]! > 0) await new Promise(setImmediate)
    gate.resolve()
    await Promise.all(calls)
    for (const slot of slots) slot.release()
    assert.deepEqual(free(), [3, 3])
  })

  test('a result in place that arrived just before its channel closes can be read by the caller who awaits it', async () => {
    using slot = dispatcher.inPlace.reserve(4, 0)
    slot.input.set([1, 2, 3, 4])
    const copied = dispatcher.inPlace.invoke(echo, slot, 4).then(async (result) => {
      // As many microtasks as a few layers of async functions take.
      for (let hop = 0; hop < 10; hop++) await null
      return Uint8Array.from(result)
    })
    await workers[0]!.answered()
    workers[0]!.channel.close(new RfaasError('lease_closed', 'it is over'))
    assert.deepEqual(await copied, Uint8Array.of(1, 2, 3, 4))
    assert.throws(() => dispatcher.inPlace.invokeSync(echo, slot, 4), { code: 'executor_lost', outcome: 'not_run' })
  })

  test('reserves on the worker that was asked for, or on the freest', () => {
    using _one = dispatcher.inPlace.reserve(1, 1)
    using _two = dispatcher.inPlace.reserve(1, undefined)
    assert.deepEqual(free(), [2, 2])
    for (const worker of [2, -1, 0.5, NaN]) {
      assert.throws(() => dispatcher.inPlace.reserve(1, worker), {
        code: 'invalid_argument',
        message: new RegExp(`no worker ${worker}, only 0 to 1`),
      })
    }
  })

  test('accepts as many calls as there are slots and places in the queue, although some slots are free', async () => {
    const calls = Array.from({ length: 6 + 2 }, () => dispatcher.call(held, []))
    await assert.rejects(dispatcher.call(held, []), { code: 'queue_full', message: /6 calls are in flight and 2 wait/ })
    assert.deepEqual(free(), [0, 0])
    gate.resolve()
    await Promise.all(calls)
  })

  test('a call for which there is a slot is in flight when the lease ends', async () => {
    const calls = Array.from({ length: 4 }, () => dispatcher.call(held, []))
    dispatcher.end(new RfaasError('lease_closed', 'it is over'))
    gate.resolve()
    await Promise.all(calls)
  })

  test('a slot that is given back is used by who waits for one', async () => {
    const slots = [0, 0, 1, 1, 1].map((worker) => dispatcher.inPlace.reserve(1, worker))
    const inFlight = dispatcher.call(held, [])
    const waiting = [dispatcher.call(same, [1]), dispatcher.call(same, [2])]
    await assert.rejects(dispatcher.call(same, [3]), {
      code: 'queue_full',
      message: /6 calls are in flight and 2 wait/,
    })
    slots[3]!.release()
    assert.deepEqual(await Promise.all(waiting), [1, 2])
    assert.deepEqual(free(), [0, 1])
    gate.resolve()
    await inFlight
  })

  test('calls wait for reserved slots, and are refused when none is in use or released: nobody would serve them', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const slots = [0, 0, 0, 1, 1, 1].map((worker) => dispatcher.inPlace.reserve(1, worker))
    const waiting = dispatcher.call(same, [1])
    slots[0]!.release()
    t.mock.timers.tick(RESERVED_PATIENCE_MS)
    t.mock.timers.reset()
    assert.equal(await waiting, 1)

    slots[0] = dispatcher.inPlace.reserve(1, 0)
    const refused = [1, 2].map((value) =>
      assert.rejects(dispatcher.call(same, [value]), {
        code: 'queue_full',
        outcome: 'not_run',
        message: /all 6 slots are reserved and none is in use; release one first, or lease with more slots/,
      }),
    )
    await Promise.all(refused)
    slots[0]!.release()
    assert.equal(await dispatcher.call(same, [2]), 2)
  })

  test('a worker that owes the answer to an aborted invocation gets nothing new until it has answered', async () => {
    const stop = new AbortController()
    const aborted = assert.rejects(dispatcher.call(held, [], stop.signal), { code: 'aborted', outcome: 'unknown' })
    await workers[0]!.answered()
    stop.abort()
    await aborted
    const calls = [1, 2, 3, 4, 5].map((value) => dispatcher.call(same, [value]))
    assert.deepEqual(await Promise.all(calls), [1, 2, 3, 4, 5])
    assert.deepEqual([workers[0]!.served(), workers[1]!.served()], [1, 5])
    assert.throws(() => dispatcher.inPlace.reserve(1, 0), {
      code: 'queue_full',
      message: /still runs .* that was aborted/,
    })
    gate.resolve()
    while (workers[0]!.channel.freeSlots < 3) await new Promise(setImmediate)
    using _slot = dispatcher.inPlace.reserve(1, 0)
  })

  test('30,000 calls at once, and 10,000 that are aborted while they wait, take time in proportion to their number', async () => {
    // The in-process fabric answers once a millisecond: with so many slots that does not count.
    const wide = await startTestWorker(MODULE, 1_000)
    workers.push(wide)
    const long = new Dispatcher([wide.channel], 1_000_000, 0)
    const msOf = async (work: () => Promise<unknown>): Promise<number> => {
      const startMs = performance.now()
      await work()
      return performance.now() - startMs
    }
    /** Other work on this machine may slow down the longer one alone: the best of several attempts counts. */
    const inProportion = async (what: string, one: () => Promise<unknown>, ten: () => Promise<unknown>) => {
      const ratios: number[] = []
      while (ratios.length < 5) {
        const oneMs = await msOf(one)
        ratios.push((await msOf(ten)) / oneMs)
        // Linear is 10; with a queue that moves all when one leaves it was hundreds.
        if (ratios.at(-1)! < 25) return
      }
      assert.fail(`ten times as many ${what} took ${ratios.map((ratio) => ratio.toFixed(1)).join(', ')} times as long`)
    }
    const callMany = (count: number) => () => Promise.all(Array.from({ length: count }, () => long.call(same, [1])))
    await callMany(3_000)()
    await inProportion('calls', callMany(3_000), callMany(30_000))

    const abortMany = (count: number) => async () => {
      const stop = new AbortController()
      const busy = Array.from({ length: 1_000 }, () => long.call(held, []))
      const waiting = Array.from({ length: count }, () => long.call(same, [1], stop.signal))
      stop.abort()
      for (const { status } of await Promise.allSettled(waiting)) assert.equal(status, 'rejected')
      gate.resolve()
      await Promise.all(busy)
      gate = Promise.withResolvers()
    }
    await abortMany(1_000)()
    await inProportion('aborts', abortMany(1_000), abortMany(10_000))
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
    const outcomes = await Promise.allSettled(calls)
    for (const [index, outcome] of outcomes.entries()) {
      assert.ok(outcome.status === 'rejected')
      const { code, message, outcome: known } = outcome.reason as RfaasError
      assert.deepEqual([code, message, known], [reason.code, reason.message, index < 6 ? 'unknown' : 'not_run'])
    }
    await assert.rejects(dispatcher.call(same, [1]), { message: reason.message, outcome: 'not_run' })
    assert.throws(() => dispatcher.inPlace.reserve(1, undefined), { message: reason.message, outcome: 'not_run' })
    dispatcher.end(new RfaasError('lease_closed', 'a later reason'))
    await assert.rejects(dispatcher.call(same, [1]), { message: reason.message })
  })

  test('whatever one turn of the event loop sends is on its way before anybody spins', async () => {
    // The in-process worker serves on the same event loop: a spin cannot succeed.
    const spinning = new Dispatcher([workers[0]!.channel], 2, 1)
    const calls = [spinning.call(same, [5]), spinning.call(same, [6])]
    assert.equal(workers[0]!.channel.waiting, 2)
    const sentMs = performance.now()
    // The pass comes before the next turn of the event loop, or at its beginning.
    await new Promise(setImmediate)
    assert.ok(performance.now() - sentMs >= 1, `it spun ${performance.now() - sentMs} ms, not 1`)
    assert.deepEqual(await Promise.all(calls), [5, 6])
  })

  describe('of which one is lost', () => {
    const gone = new RfaasError('executor_lost', 'it went away')
    const channel = (worker: number) => workers[worker]!.channel

    test('what was in flight fails, what waits goes to those that are left or come', async () => {
      const calls = [dispatcher.call(held, [1]), dispatcher.call(held, [2])]
      const failed = assert.rejects(calls[0]!, { code: 'executor_lost' })
      dispatcher.removeLost([channel(0)], gone)
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

    test('what may run twice is sent again, before what waits; nothing else that may have run is', async () => {
      const careless = new Dispatcher([], 10, 0, (name) => name === 'held')
      let current = await startTestWorker(MODULE, 2)
      careless.add([current.channel])
      const again = careless.call(held, [])
      const other = assert.rejects(careless.call(never, []), { code: 'executor_lost', outcome: 'unknown' })
      for (let time = 1; time <= 3; time++) {
        const next = await startTestWorker(MODULE, 2)
        careless.removeLost([current.channel], gone)
        careless.add([next.channel])
        await other
        assert.equal(next.channel.waiting, 1)
        current = next
      }
      gate.resolve()
      await again
      current.channel.close(gone)
    })

    test('an answer that has arrived before its worker was lost counts', async () => {
      const call = dispatcher.call(same, [7])
      // The worker answers; nobody polls meanwhile.
      await workers[0]!.answered()
      dispatcher.removeLost([channel(0)], gone)
      assert.equal(await call, 7)
    })

    test('a worker that has said farewell did not run what it has not answered: that goes elsewhere', async () => {
      const ran = dispatcher.call(same, [1])
      await workers[0]!.answered()
      workers[0]!.drain()
      const late = dispatcher.call(same, [2])
      using slot = dispatcher.inPlace.reserve(0, 0)
      const inSlot = dispatcher.inPlace.invoke({ ...same, raw: true }, slot, 0)
      assert.deepEqual(await Promise.all([ran, late]), [1, 2])
      assert.equal(workers[0]!.served(), 1)
      const failed = assert.rejects(inSlot, { code: 'executor_lost', outcome: 'not_run' })
      dispatcher.removeLost([channel(0)], gone)
      await failed
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
      dispatcher.removeLost([channel(0), channel(1)], gone)
      const waiting = [dispatcher.call(same, [1]), dispatcher.call(same, [2])]
      await assert.rejects(dispatcher.call(same, [3]), { code: 'queue_full' })
      assert.throws(() => dispatcher.inPlace.reserve(1, undefined), {
        code: 'queue_full',
        message: /replacements are not ready yet/,
      })
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
      const careless = new Dispatcher([], 10, 0, () => true)
      careless.add([channel(1)])
      const second = new AbortController()
      const gaveUp = assert.rejects(careless.call(held, [], second.signal), { code: 'aborted' })
      second.abort()
      await gaveUp
      careless.removeLost([channel(1)], gone)
      careless.add([other.channel])
      assert.equal(await careless.call(same, [1]), 1)
      assert.equal(other.served(), 1)
    })
  })
})
