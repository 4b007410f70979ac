/** Arguments that stream in: what the function reads, how each end learns of the other's, and what becomes of the slot. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { slotLayout } from '../../protocol/slots.ts'
import { callSync } from './call-sync.ts'
import { Dispatcher } from './dispatcher.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

type Numbers = AsyncGenerator<number, any, undefined>

let gate = Promise.withResolvers<void>()
let begun = Promise.withResolvers<void>()
/** What the functions have seen. */
let seen: unknown[] = []
const MODULE = {
  held: () => gate.promise,
  sum: async (numbers: AsyncIterable<number>, from: number = 0) => {
    let sum = from
    for await (const n of numbers) sum += n
    return sum
  },
  last: async (before: string, numbers: Numbers, after: string) => {
    let next = await numbers.next()
    while (!next.done) next = await numbers.next()
    return [before, next.value, after]
  },
  firstOf: async (numbers: AsyncIterable<number>) => {
    for await (const n of numbers) return n
    return null
  },
  ignores: (_: AsyncIterable<number>) => 'done',
  throws: async (numbers: Numbers) => {
    await numbers.next()
    throw new RangeError('enough')
  },
  leaves: async (numbers: Numbers) => {
    await numbers.next()
    await numbers.return(undefined)
    begun.resolve()
    await gate.promise
    return await numbers.next()
  },
  /** Ends while it awaits the second item. */
  peeks: async (numbers: Numbers) => {
    await numbers.next()
    void numbers.next()
    await begun.promise
  },
  reads: async (numbers: Numbers, count: number) => {
    for (let i = 0; i < count; i++) await numbers.next()
    begun.resolve()
    await gate.promise
  },
  caught: async (numbers: AsyncIterable<number>) => {
    try {
      for await (const _ of numbers);
      return null
    } catch (error) {
      seen.push(error)
      throw error
    }
  },
  sync: (numbers: Iterable<number>) => [...numbers],
  sizes: async (texts: AsyncIterable<string>) => (await Array.fromAsync(texts)).map(({ length }) => length),
  keeps: async (numbers: Numbers) => {
    await numbers.next()
    seen.push(numbers)
  },
  double: async function* (numbers: Numbers) {
    try {
      for await (const n of numbers) yield 2 * n
    } finally {
      seen.push('double is over')
    }
  },
  ahead: async function* (numbers: Numbers) {
    const first = numbers.next()
    yield 'hello'
    yield (await first).value
  },
}
const names = Object.keys(MODULE) as (keyof typeof MODULE)[]

/** How a source was used. */
class Log {
  taken = 0
  closed = 0
}

/** The numbers from 0 on, as they are taken. */
async function* numbers(log: Log, to: number = Infinity): Numbers {
  let isOver = false
  try {
    for (let n = 0; n < to; n++) {
      log.taken++
      yield n
    }
    isOver = true
    return 'the end'
  } finally {
    if (!isOver) log.closed++
  }
}

/** One whose second item does not come before the gate is open. It says when that is asked for. */
async function* stuck(log: Log): Numbers {
  try {
    yield 0
    begun.resolve()
    await gate.promise
    yield 1
  } finally {
    log.closed++
  }
}

class Source {
  readonly to = 3
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (let n = 0; n < this.to; n++) yield n
  }
}

/** Resolves once this is true. */
const becomes = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise(setImmediate)
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

describe('an argument that streams, on two workers with one slot each', () => {
  let workers: TestWorker[]
  let dispatcher: Dispatcher
  let call: Invoker<typeof MODULE>['call']
  let invoker: Invoker<typeof MODULE>
  let log: Log
  let maySend = true

  beforeEach(async () => {
    gate = Promise.withResolvers()
    begun = Promise.withResolvers()
    seen = []
    log = new Log()
    maySend = true
    const layout = slotLayout(1, 4096)
    const start = (): Promise<TestWorker> => startTestWorker(MODULE, 1, () => maySend, layout)
    workers = [await start(), await start()]
    dispatcher = new Dispatcher(workers.map(({ channel }) => channel), 1, 0) // prettier-ignore
    invoker = new Invoker(new FunctionTable(names.map((name) => remote(MODULE, name))), dispatcher, {})
    call = invoker.call
  })
  afterEach(async () => {
    gate.resolve()
    await dispatcher.whenIdle()
    assert.deepEqual(free(), workers.map(() => 1)) // prettier-ignore
    for (const { channel } of workers) channel.close(new RfaasError('lease_closed', 'the test is over'))
  })
  const free = (): number[] => workers.map(({ channel }) => (channel.isOpen ? channel.freeSlots : 1))
  const taker = (): TestWorker => workers.find(({ channel }) => channel.freeSlots === 0)!

  test('arrives item by item, whatever kind of iterable it is, beside other arguments', async () => {
    assert.equal(await call.sum(numbers(log, 1000), 5), 499_505)
    assert.deepEqual([log.taken, log.closed], [1000, 0])
    assert.deepEqual(await call.last('a', numbers(log, 3), 'b'), ['a', 'the end', 'b'])
    assert.equal(await call.sum([1, 2, 3].values()), 6)
    assert.equal(await call.sum((function* () { yield* [1, 2] })()), 3) // prettier-ignore
    const untyped = invoker.call as unknown as Record<string, (source: unknown) => Promise<number>>
    assert.equal(await untyped['sum']!(new Map([[1, 2]]).values()), 2)
    for (let again = 0; again < 3; again++) assert.equal(await call.sum(new Source()), 3)
    assert.equal(await call.sum({ async *[Symbol.asyncIterator]() { yield 7 } }), 7) // prettier-ignore
    let n = 0
    const byHand = { next: async () => ({ done: ++n > 3, value: n }) }
    assert.equal(await call.sum({ [Symbol.asyncIterator]: () => byHand }), 6)
    const web = new ReadableStream<number>({ start: (to) => { to.enqueue(4); to.close() } }) // prettier-ignore
    assert.equal(await call.sum(web), 4)
    assert.deepEqual(await invoker.map.sum([numbers(log, 3), numbers(log, 4)]), [3, 6])
    assert.equal(await call.sum(numbers(log, 0)), 0)
  })

  test('is taken from no faster than the function reads', async () => {
    const reading = call.reads(numbers(log), 5)
    await begun.promise
    await turns(20)
    assert.ok(log.taken >= 5 && log.taken <= 16, `${log.taken}`)
    gate.resolve()
    await reading
    assert.equal(log.closed, 1)
  })

  test('is closed before the call is over, when the function returns, throws, or reads nothing', async () => {
    assert.equal(await call.firstOf(numbers(log)), 0)
    assert.equal(log.closed, 1)
    await assert.rejects(call.throws(numbers(log)), { code: 'function_failed', outcome: 'ran' })
    assert.equal(log.closed, 2)
    const unread = numbers(log)
    assert.equal(await call.ignores(unread), 'done')
    assert.deepEqual(await unread.next(), { value: undefined, done: true })
    const web = new ReadableStream<number>({ cancel: () => void log.closed++ })
    assert.equal(await call.ignores(web), 'done')
    assert.equal(log.closed, 3)
  })

  test('is closed while the function goes on after it has left it', async () => {
    const leaving = call.leaves(numbers(log))
    await begun.promise
    await becomes(() => log.closed === 1)
    gate.resolve()
    assert.deepEqual(await leaving, { value: undefined, done: true })
  })

  test('that awaits something when the function ends is not waited for', async () => {
    await call.peeks(stuck(log))
    assert.equal(log.closed, 0)
    gate.resolve()
    await becomes(() => log.closed === 1)
  })

  test('that cannot be closed fails the call; the error of a function that throws comes first', async () => {
    const source = async function* (): Numbers {
      try {
        for (;;) yield 1
      } finally {
        throw new RangeError('mine')
      }
    }
    await assert.rejects(call.firstOf(source()), (error: RfaasError) => {
      assert.deepEqual([error.code, error.outcome], ['invalid_argument', 'ran'])
      assert.match(error.message, /Cannot close the iterable that firstOf was given: (RangeError: )?mine/)
      assert.ok(error.cause instanceof RangeError)
      return true
    })
    await assert.rejects(call.throws(source()), { code: 'function_failed' })
  })

  test('that throws rejects in the function, with the error as failures travel', async () => {
    const source = async function* (): Numbers {
      yield 1
      throw Object.assign(new RangeError('mine', { cause: new TypeError('inner') }), { code: 'EMINE' })
    }
    await assert.rejects(call.caught(source()), { code: 'function_failed', outcome: 'ran' })
    const [error] = seen as [RangeError & { code: string }]
    assert.ok(error instanceof RangeError && error.cause instanceof TypeError)
    assert.deepEqual([error.message, error.code], ['mine', 'EMINE'])
    const text = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject('a text' as unknown as Error) }) } // prettier-ignore
    await assert.rejects(call.caught(text as AsyncIterable<number>), /threw 'a text'/)
    const broken = { [Symbol.asyncIterator]: (): never => { throw new RangeError('no iterator') } } // prettier-ignore
    await assert.rejects(call.caught(broken), /no iterator/)
    const wrong = { [Symbol.asyncIterator]: () => ({ next: async () => 1 }) } as unknown as AsyncIterable<number>
    await assert.rejects(call.caught(wrong), /Iterator result 1 is not an object/)
  })

  test('an item that cannot be sent, or is larger than slot and memory, rejects in the function', async () => {
    const items = async function* (item: unknown): Numbers {
      try {
        yield 1
        yield item as number
      } finally {
        log.closed++
      }
    }
    await assert.rejects(call.caught(items({ f: () => {} })), /item\.f is a function/)
    await assert.rejects(
      call.caught(items('x'.repeat(5000))),
      /an item has 50\d\d bytes, the lease's payloadBytesMax is 4096/,
    )
    assert.equal(log.closed, 2)
    const codes = (seen as RfaasError[]).map(({ code }) => code)
    assert.deepEqual(codes, ['invalid_argument', 'invalid_argument'])
  })

  test('a caller that gives up closes both ends at once', async () => {
    const controller = new AbortController()
    const aborted = call.caught.with({ signal: controller.signal })(stuck(log))
    await begun.promise
    controller.abort()
    await assert.rejects(aborted, { code: 'aborted', outcome: 'unknown' })
    await becomes(() => seen.length === 1)
    assert.equal((seen as RfaasError[])[0]!.code, 'aborted')
    gate.resolve()
    await becomes(() => log.closed === 1)
    gate = Promise.withResolvers()
    await assert.rejects(call.caught.with({ timeoutMs: 20 })(stuck(log)), { code: 'deadline_exceeded' })
  })

  test('a call that was not sent leaves its iterable as it was', async () => {
    const held = [call.held(), call.held()]
    const waiting = call.held()
    const source = numbers(log, 3)
    await assert.rejects(call.sum(source), { code: 'queue_full', outcome: 'not_run' })
    gate.resolve()
    await Promise.all([...held, waiting])
    assert.equal(await call.sum(source), 3)
  })

  test('one that has not begun goes to another worker; one that has does not, and its iterable is closed', async () => {
    const reading = call.reads(numbers(log), 1)
    await begun.promise
    dispatcher.removeLost([taker().channel], new RfaasError('executor_lost', 'The worker is gone'))
    await assert.rejects(reading, { code: 'executor_lost', outcome: 'unknown' })
    assert.equal(log.closed, 1)
    const another = await startTestWorker(MODULE, 1)
    const asked = call.sum(numbers(log, 3))
    // It has not looked yet at what it was sent.
    taker().drain()
    workers.push(another)
    dispatcher.add([another.channel])
    assert.equal(await asked, 3)
    assert.equal(another.served(), 1)
  })

  test('a worker that drains reads its iterable to the end', async () => {
    const source = async function* (): Numbers {
      yield 1
      begun.resolve()
      await gate.promise
      yield 2
    }
    const reading = call.sum(source())
    await begun.promise
    dispatcher.retire(workers.map(({ channel }) => channel))
    gate.resolve()
    assert.equal(await reading, 3)
  })

  test('in and out at once; each side may be ahead of the other', async () => {
    assert.deepEqual(await Array.fromAsync(call.double(numbers(log, 100))), Array.from({ length: 100 }, (_, n) => 2 * n)) // prettier-ignore
    const said = Promise.withResolvers<string>()
    const dialogue = call.ahead(
      (async function* () {
        yield (await said.promise) as unknown as number
      })(),
    )
    said.resolve(((await dialogue.next()).value as string) + ' yourself')
    assert.equal((await dialogue.next()).value, 'hello yourself')
    assert.equal((await dialogue.next()).done, true)
    for await (const n of call.double(numbers(log))) if (n === 10) break
    assert.equal(log.closed, 1)
    // Its generator awaits the next item.
    const waiting = call.double(stuck(log))
    await waiting.next()
    const pending = waiting.next()
    await turns(3)
    await waiting.return(undefined)
    assert.equal((await pending).done, true)
    gate.resolve()
    await becomes(() => log.closed === 2)
    assert.deepEqual(seen, ['double is over', 'double is over', 'double is over'])
    const unclosed = async function* (): Numbers {
      try {
        yield 1
        throw new RangeError('mine')
      } finally {
        log.closed++
      }
    }
    const items = call.double(unclosed())
    assert.equal((await items.next()).value, 2)
    await assert.rejects(items.next(), /double threw RangeError: mine/)
  })

  test('messages for which the fabric has no room are sent later', async () => {
    const source = async function* (): Numbers {
      for (let n = 0; n < 20; n++) {
        maySend = n % 2 === 0
        yield n
      }
      maySend = true
    }
    const opening = setInterval(() => (maySend = true))
    assert.equal(await call.sum(source()), 190)
    clearInterval(opening)
  })

  test('only one argument streams, as such, and not to all workers or while a call spins', async () => {
    const untyped = invoker.call as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    const refused = (sentence: RegExp): object => ({ code: 'invalid_argument', outcome: 'not_run', message: sentence })
    await assert.rejects(untyped['sum']!(1, numbers(log), [].values()), refused(/arguments 2 and 3 are iterables/))
    await assert.rejects(
      untyped['sum']!({ rows: numbers(log) }),
      refused(/value\.rows is an iterable, which cannot be cloned/),
    )
    await assert.rejects(
      (invoker.each as unknown as typeof untyped)['sum']!(numbers(log)),
      refused(/the argument is an iterable/),
    )
    assert.throws(
      () => callSync(dispatcher, remote(MODULE, 'sum'), [numbers(log)]),
      refused(/the argument is an iterable, which only lease.call and lease.map stream/),
    )
    assert.equal(log.taken, 0)
    await assert.rejects(call.sync([1].values()), /read it with `for await`/)
  })

  test('what reads after the call is over learns that', async () => {
    await call.keeps(numbers(log))
    const [kept] = seen as [Numbers]
    await assert.rejects(kept.next(), { code: 'closed' })
    assert.deepEqual(await kept.next(), { value: undefined, done: true })
    assert.equal(log.closed, 1)
  })
})

describe('items that are larger than a slot', () => {
  test('go through the spare room, also beside other large values', async () => {
    const worker = await startTestWorker(MODULE, 4, undefined, slotLayout(4, 256, 2 ** 16))
    const dispatcher = new Dispatcher([worker.channel], 0, 0)
    const { call } = new Invoker<typeof MODULE>(new FunctionTable(names.map((name) => remote(MODULE, name))), dispatcher, {}) // prettier-ignore
    const texts = async function* (...sizes: number[]): AsyncGenerator<string> {
      for (const size of sizes) yield 'x'.repeat(size)
    }
    const sizes = [1, 60_000, 60_000, 2, 300, 239, 240, 241, 1]
    const both = await Promise.all([call.sizes(texts(...sizes)), call.sizes(texts(...sizes)), call.last('y'.repeat(40_000), numbers(new Log(), 3), '')]) // prettier-ignore
    assert.deepEqual(both.slice(0, 2), [sizes, sizes])
    assert.deepEqual((both[2] as unknown[])[1], 'the end')
    await assert.rejects(
      call.sizes(texts(1, 2 ** 16)),
      /an item has \d+ bytes, the memory of the lease has room for 65536/,
    )
    gate = Promise.withResolvers()
    // The room is free again, also when the call was given up with an item in it.
    await assert.rejects(call.reads.with({ timeoutMs: 20 })(texts(60_000, 60_000) as never, 1), { code: 'deadline_exceeded' }) // prettier-ignore
    gate.resolve()
    await dispatcher.whenIdle()
    assert.deepEqual(await call.sizes(texts(50_000)), [50_000])
    assert.equal(worker.channel.freeSlots, 4)
    worker.channel.close(new RfaasError('lease_closed', 'the test is over'))
  })

  test('slots that are too small for any item refuse the call', async () => {
    const worker = await startTestWorker(MODULE, 1, undefined, slotLayout(1, 31))
    const { call } = new Invoker<typeof MODULE>(new FunctionTable([remote(MODULE, 'sum')]), new Dispatcher([worker.channel], 0, 0), {}) // prettier-ignore
    await assert.rejects(call.sum(numbers(new Log())), { code: 'invalid_argument', message: /needs slots of 32 bytes/ })
    worker.channel.close(new RfaasError('lease_closed', 'the test is over'))
  })
})
