/** What the sending end of a stream answers, request by request. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { ItemSender, type AnyIterator, type ItemOutlet } from './item-sender.ts'
import { STREAM_BATCH_BYTES_MAX, STREAM_BATCH_ITEMS_MAX } from './limits.ts'
import { readItems } from './stream-items.ts'

const clock = { nowMs: () => performance.now(), soon: (run: () => void) => void setImmediate(run) }
const isAsync = (iterator: AnyIterator): boolean => Symbol.asyncIterator in iterator

/** A reader that asks again as soon as it has an answer. */
async function read(
  generator: AnyIterator,
  roomBytes: number,
): Promise<{ answers: unknown[][]; end: unknown[]; overs: number }> {
  const room = new Uint8Array(roomBytes)
  const answers: unknown[][] = []
  let overs = 0
  const { promise, resolve } = Promise.withResolvers<unknown[]>()
  const over = Promise.withResolvers<void>()
  const outlet: ItemOutlet = {
    items: (_, bytes) => {
      const { values, isOver, returned } = readItems(room, bytes)
      answers.push(values)
      if (isOver) resolve(['returned', returned])
      else setImmediate(() => stream.ask(answers.length))
    },
    large: () => assert.fail('no item may be larger than the room'),
    threw: (_, thrown) => resolve(['threw', thrown]),
    refused: (_, error) => resolve(['refused', (error as Error).message]),
    tooLarge: (_, bytes) => resolve(['tooLarge', bytes]),
    told: () => {},
    over: () => {
      overs++
      over.resolve()
    },
  }
  const stream: ItemSender = new ItemSender(generator, isAsync(generator), room, outlet, clock)
  stream.ask(0)
  const end = await promise
  await over.promise
  await new Promise(setImmediate)
  return { answers, end, overs }
}

function* give(items: unknown[], end: unknown): Generator<unknown> {
  yield* items
  return end
}

async function* giveLater(items: unknown[], end: unknown): AsyncGenerator<unknown> {
  for (const item of items) yield item
  return end
}

describe('ItemSender', () => {
  test('that is closed ends its generator, and is over once', async () => {
    for (const generator of [give([1, 2, 3], 0), giveLater([1, 2, 3], 0)]) {
      let overs = 0
      const said: string[] = []
      const say = (what: string) => () => void said.push(what)
      const outlet: ItemOutlet = {
        items: say('items'),
        large: say('large'),
        threw: say('threw'),
        refused: say('refused'),
        tooLarge: say('too large'),
        told: say('told'),
        over: () => void overs++,
      }
      const stream = new ItemSender(generator, isAsync(generator), new Uint8Array(1000), outlet, clock)
      stream.ask(1)
      await new Promise(setImmediate)
      stream.ask(2)
      stream.close()
      stream.close()
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
      // The end is the answer to the request that was open, or to the next one.
      if (!said.includes('told')) stream.ask(3)
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
      assert.equal(overs, 1)
      assert.equal(said.filter((what) => what === 'told').length, 1)
      assert.deepEqual(await generator.next(), { value: undefined, done: true })
    }
  })

  test('gives all items in order and then the end, whatever their sizes, in whatever room', async () => {
    const text = fc.nat(300).map((length) => 'x'.repeat(length))
    const asked = fc.asyncProperty(
      fc.array(text),
      text,
      fc.integer({ min: 340, max: 4096 }),
      async (all, end, room) => {
        for (const generator of [give(all, end), giveLater(all, end)]) {
          const { answers, end: seen } = await read(generator, room)
          assert.deepEqual(answers.flat(), all)
          assert.deepEqual(seen, ['returned', end])
        }
      },
    )
    await fc.assert(asked, { numRuns: 30 })
  })

  test('the first answer has one item, and each at most twice as many as the one before, up to a bound', async () => {
    for (const generator of [give(Array(5000).fill(1), 0), giveLater(Array(5000).fill(1), 0)]) {
      const { answers } = await read(generator, 2 ** 20)
      assert.equal(answers[0]!.length, 1)
      for (let i = 1; i < answers.length; i++) {
        assert.ok(answers[i]!.length <= Math.min(2 ** i, STREAM_BATCH_ITEMS_MAX), `${i}: ${answers[i]!.length}`)
      }
    }
    const large = 'x'.repeat(STREAM_BATCH_BYTES_MAX / 4)
    const { answers } = await read(give(Array(32).fill(large), 0), 2 ** 20)
    assert.ok(Math.max(...answers.map(({ length }) => length)) <= 4)
  })

  test('what cannot be sent, or is too large, ends the generator and follows the items before it', async () => {
    let isOver = 0
    const ending = function* (last: unknown): Generator<unknown> {
      try {
        yield* [1, 2, 3, last, 4]
      } finally {
        isOver++
      }
    }
    const refused = await read(
      ending(() => {}),
      1000,
    )
    assert.deepEqual(
      [refused.answers.flat(), refused.end],
      [
        [1, 2, 3],
        ['refused', 'item is a function, which cannot be cloned'],
      ],
    )
    const large = await read(ending('x'.repeat(2000)), 1000)
    assert.deepEqual([large.answers.flat(), large.end[0]], [[1, 2, 3], 'tooLarge'])
    assert.equal(isOver, 2)
    assert.deepEqual([refused.overs, large.overs], [1, 1])
    const end = await read(give([1], 'x'.repeat(2000)), 1000)
    assert.deepEqual([end.answers.flat(), end.end[0]], [[1], 'tooLarge'])
    const uncloneable = await read(
      give([1], () => {}),
      1000,
    )
    assert.deepEqual([uncloneable.answers.flat(), uncloneable.end[0]], [[1], 'refused'])
  })
})
