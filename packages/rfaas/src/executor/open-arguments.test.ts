/** What a worker does with an argument that streams in, whatever its client says. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { HEADER_BYTES } from '@rfaas/fabric'
import fc from 'fast-check'

import type { RfaasError } from '../errors.ts'
import type { Context } from '../functions.ts'
import { addTimeLeft, CANCELLABLE, cancelImmediate, type CancelReason } from '../protocol/cancel.ts'
import { decodeValue, encodeArguments } from '../protocol/codec.ts'
import { CLOSE_STREAM, slotLayout } from '../protocol/slots.ts'
import { decodeFailure, STATUS_FUNCTION_FAILED, STATUS_OK } from '../protocol/status.ts'
import { ITEM, putItem, putThrown, readItems, RETURNED } from '../protocol/stream-items.ts'
import {
  ITEMS_ENOUGH,
  ITEMS_HEAD_BYTES,
  ITEMS_SENT,
  ITEMS_SENT_LARGE,
  ITEMS_WANTED,
  putItemsHead,
  STREAMED,
} from '../protocol/streamed-argument.ts'
import type { LoadedFunction } from './load.ts'
import { InvocationServer } from './server.ts'
import { TestPair, type RawResult } from './test-pair.ts'

const layout = slotLayout(3, 1024)
type Items = AsyncGenerator<unknown, unknown, undefined>

let caught: RfaasError[] = []
const FUNCTIONS = [
  { name: 'all', raw: false, call: (items: Items) => Array.fromAsync(items) },
  { name: 'ignores', raw: false, call: () => 'ignored' },
  {
    name: 'catches',
    raw: false,
    call: async (items: Items) => {
      try {
        await items.next()
      } catch (error) {
        caught.push(error as RfaasError)
      }
    },
  },
  {
    name: 'tells',
    raw: false,
    wantsContext: true,
    call: async (before: string, items: Items, missing: undefined, context: Context) => {
      return [before, await items.next(), missing, context.id]
    },
  },
  {
    name: 'streams',
    raw: false,
    streams: true,
    call: async function* (items: Items) {
      try {
        yield 'first'
        await items.next()
      } catch (error) {
        caught.push(error as RfaasError)
      }
    },
  },
] as LoadedFunction[]
const [ALL, IGNORES, CATCHES, TELLS, STREAMS] = [0, 1, 2, 3, 4]

describe('an argument that streams in', () => {
  let pair: TestPair
  let server: InvocationServer

  beforeEach(async () => {
    caught = []
    pair = await TestPair.open(layout)
    server = new InvocationServer(pair.worker, layout, FUNCTIONS)
  })
  afterEach(() => pair.close())

  /** @param args the place of the iterable, then the arguments */
  function invoke(f: number, args: unknown[], id: number = 1, slot: number = 0): void {
    const room = new Uint8Array(1024)
    const bytes = encodeArguments(args, room)
    const all = addTimeLeft(room, bytes, Infinity)
    pair.invoke(slot, f | STREAMED | CANCELLABLE, room.slice(0, all), all, id)
    serve()
  }

  function serve(): void {
    for (let slot = pair.worker.poll(); slot >= 0; slot = pair.worker.poll()) server.serve(slot)
  }

  /** What the worker has sent: an immediate without words, or a result. */
  async function heard(): Promise<number | RawResult> {
    for (;;) {
      const result = pair.result()
      if (result !== null) return result.slot < layout.slots ? result : result.slot
      await new Promise(setImmediate)
    }
  }

  function sendBytes(bytes: Uint8Array, claimed: number = bytes.length, immediate: number = ITEMS_SENT): void {
    const room = new Uint8Array(pair.client.outbound, HEADER_BYTES, 1024)
    room.set(bytes, ITEMS_HEAD_BYTES)
    putItemsHead(room, claimed)
    pair.client.write(HEADER_BYTES, ITEMS_HEAD_BYTES + bytes.length, immediate)
    serve()
  }

  function send(values: unknown[], end?: { returned: unknown } | { thrown: unknown }): void {
    const room = new Uint8Array(1000)
    let at = 0
    for (const value of values) at = putItem(value, ITEM, room, at)
    if (end !== undefined && 'returned' in end) at = putItem(end.returned, RETURNED, room, at)
    if (end !== undefined && 'thrown' in end) at = putThrown(end.thrown, room)
    sendBytes(room.slice(0, at))
  }

  /** The answer, whatever is wanted before it. */
  async function answered(): Promise<RawResult> {
    for (;;) {
      const said = await heard()
      if (said !== ITEMS_WANTED) return said as RawResult
    }
  }

  async function answer(): Promise<RawResult> {
    const result = await heard()
    assert.ok(typeof result !== 'number', `${result}`)
    return result
  }

  test('is wanted item by item, and read until it ends', async () => {
    invoke(ALL, [0, undefined])
    assert.equal(await heard(), ITEMS_WANTED)
    send([1])
    assert.equal(await heard(), ITEMS_WANTED)
    send([2, { three: 3 }], { returned: 'over' })
    const { id, status, payload } = await answer()
    assert.deepEqual([id, status, decodeValue(payload)], [1, STATUS_OK, [1, 2, { three: 3 }]])
    assert.equal(server.pending, 0)
  })

  test('stands in its place, with the context behind all arguments', async () => {
    invoke(TELLS, [1, 'before', undefined], 7)
    assert.equal(await heard(), ITEMS_WANTED)
    send([1, 2])
    const { payload } = await answered()
    assert.deepEqual(decodeValue(payload), ['before', { value: 1, done: false }, undefined, '0-7'])
  })

  test('that nobody reads is not asked for; what is sent then, or after the answer, is ignored', async () => {
    send([1])
    invoke(IGNORES, [0, undefined])
    assert.equal((await answer()).status, STATUS_OK)
    send([1])
    invoke(CATCHES, [0, undefined])
    assert.equal(await heard(), ITEMS_WANTED)
    for (const slot of [1, 2, 77, 4095]) sendBytes(new Uint8Array(16), 16, ITEMS_SENT + slot)
    // There is no spare room.
    sendBytes(new Uint8Array(16), 16, ITEMS_SENT_LARGE)
    send([1])
    assert.equal((await answered()).status, STATUS_OK)
    send([2])
    serve()
    assert.equal(pair.result(), null)
    assert.equal(caught.length, 0)
  })

  test('that is malformed ends, and its invocation fails, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.oneof(fc.nat(300), fc.nat()), async (bytes, claimed) => {
        invoke(ALL, [0, undefined])
        assert.equal(await heard(), ITEMS_WANTED)
        sendBytes(bytes, claimed)
        const said = await heard()
        if (said === ITEMS_WANTED) {
          // By chance these were items.
          send([], { returned: 1 })
          assert.equal((await answer()).status, STATUS_OK)
        } else {
          const result = typeof said === 'number' ? await answer() : said
          if (result.status === STATUS_OK) return
          assert.equal(result.status, STATUS_FUNCTION_FAILED)
          assert.match(decodeFailure(result.status, result.payload, 'all').message, /Cannot (decode|read)|threw/)
        }
      }),
      { numRuns: 100 },
    )
    assert.equal(server.pending, 0)
  })

  test('in a place that there is not fails its invocation', async () => {
    for (const at of [1, -1, 0.5, 'x', null]) {
      invoke(ALL, [at, undefined])
      const { status, payload } = await answer()
      const error = decodeFailure(status, payload, 'all')
      assert.match(error.message, /Cannot read the arguments: none of them is number/)
    }
  })

  for (const [reason, code] of [
    ['aborted', 'aborted'],
    ['deadline', 'deadline_exceeded'],
  ] as [CancelReason, string][])
    // prettier-ignore
    test(`rejects in the function when the caller gives up: ${reason}`, async () => {
      invoke(CATCHES, [0, undefined], 5)
      assert.equal(await heard(), ITEMS_WANTED)
      // Of another invocation.
      pair.client.write(0, 0, cancelImmediate(0, 4, reason))
      serve()
      await new Promise(setImmediate)
      assert.equal(caught.length, 0)
      pair.client.write(0, 0, cancelImmediate(0, 5, reason))
      serve()
      await answer()
      assert.deepEqual(caught.map((error) => error.code), [code]) // prettier-ignore
    })

  test('rejects in a generator whose own stream is closed, or whose client is gone', async () => {
    for (const close of [() => pair.client.write(0, 0, CLOSE_STREAM), () => server.closeStreams()]) {
      invoke(STREAMS, [0, undefined], 1)
      await answer()
      pair.invoke(0, STREAMS, new Uint8Array(0), 0, 2)
      serve()
      assert.equal(await heard(), ITEMS_WANTED)
      close()
      serve()
      assert.equal((await answer()).status, STATUS_OK)
    }
    assert.deepEqual(caught.map(({ code }) => code), ['aborted', 'aborted']) // prettier-ignore
    assert.equal(server.pending, 0)
  })

  test('a cancel that finds the next items of a stream still waiting ends that stream, not only the request', async () => {
    invoke(STREAMS, [0, undefined], 1)
    await answer()
    const room = new Uint8Array(64)
    const bytes = encodeArguments([0, undefined], room)
    // Received together: behind this one, the worker looks for cancels.
    const all = addTimeLeft(room, bytes, Infinity)
    pair.invoke(1, IGNORES | STREAMED | CANCELLABLE, room.slice(0, all), all, 2)
    pair.invoke(0, STREAMS, new Uint8Array(0), 0, 3)
    pair.client.write(0, 0, CLOSE_STREAM)
    pair.client.write(0, 0, cancelImmediate(0, 3, 'aborted'))
    serve()
    const answers = [await answer(), await answer()].sort((a, b) => a.slot - b.slot)
    assert.deepEqual(answers.map(({ id, status }) => [id, status]), [[3, STATUS_OK], [2, STATUS_OK]]) // prettier-ignore
    assert.ok(readItems(answers[0]!.payload, answers[0]!.payload.length).isOver)
    invoke(STREAMS, [0, undefined], 4)
    assert.equal((await answer()).status, STATUS_OK)
  })

  test('that the function leaves is closed at its client at once', async () => {
    const gate = Promise.withResolvers<void>()
    const leaves = async (items: Items): Promise<void> => {
      await items.next()
      await items[Symbol.asyncDispose]()
      await items.return(1)
      await gate.promise
    }
    server = new InvocationServer(pair.worker, layout, [{ name: 'leaves', raw: false, call: leaves } as LoadedFunction])
    invoke(0, [0, undefined])
    assert.equal(await heard(), ITEMS_WANTED)
    send([1])
    assert.equal(await heard(), ITEMS_WANTED)
    assert.equal(await heard(), ITEMS_ENOUGH)
    gate.resolve()
    assert.equal((await answer()).status, STATUS_OK)
  })
})
