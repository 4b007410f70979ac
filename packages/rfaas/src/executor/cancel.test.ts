/** What a worker does with the cancels of its client, over the in-process fabric. */
import { strict as assert } from 'node:assert'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { METER_BYTES, Meters } from '../accounting/meters.ts'
import type { Context } from '../functions.ts'
import { addTimeLeft, CANCELLABLE, cancelImmediate, type CancelReason } from '../protocol/cancel.ts'
import { decodeValue, encodeArguments } from '../protocol/codec.ts'
import { CLOSE_STREAM, slotLayout } from '../protocol/slots.ts'
import { decodeFailure, STATUS_CANCELLED, STATUS_FUNCTION_FAILED, STATUS_OK } from '../protocol/status.ts'
import { readItems } from '../protocol/stream-items.ts'
import type { LoadedFunction } from './load.ts'
import { InvocationServer } from './server.ts'
import { TestPair } from './test-pair.ts'

const layout = slotLayout(4, 1024)
const ran: unknown[] = []
let during: () => void = () => {}

const FUNCTIONS: LoadedFunction[] = [
  { name: 'run', raw: false, call: (what) => (during(), ran.push(what)) },
  {
    name: 'wait',
    raw: false,
    wantsContext: true,
    call: async (_what, context) => {
      const { signal } = context as Context
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
  },
  {
    name: 'tell',
    raw: false,
    wantsContext: true,
    call: (_what, context) => {
      const { id, worker, workers, deadline, signal } = context as Context
      return { id, worker, workers, leftMs: deadline && deadline - Date.now(), aborted: signal.aborted }
    },
  },
  {
    name: 'bytes',
    raw: true,
    wantsContext: true,
    call: (input: Uint8Array, output: Uint8Array, context: Context) => {
      output.set([input.length, context.worker])
      return 2
    },
  },
  {
    name: 'stream',
    raw: false,
    wantsContext: true,
    streams: true,
    call: async function* (_what: unknown, { id, signal }: Context) {
      yield id
      yield signal.aborted
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      ran.push(`${id} is over`)
    },
  } as LoadedFunction,
]
const [RUN, WAIT, TELL, BYTES, STREAM] = [0, 1, 2, 3, 4]

describe('a worker whose client may give up', () => {
  let pair: TestPair
  let server: InvocationServer
  let meters: Meters

  beforeEach(async () => {
    ran.length = 0
    during = () => {}
    pair = await TestPair.open(layout)
    meters = new Meters(new ArrayBuffer(METER_BYTES), 0)
    server = new InvocationServer(pair.worker, layout, FUNCTIONS, { meters, index: 2, count: 3 })
  })
  afterEach(() => pair.close())

  function invoke(slot: number, f: number, id: number, leftMs: number | null = Infinity): void {
    const room = new Uint8Array(1024)
    const bytes = encodeArguments([`${id}`], room)
    if (leftMs === null) return pair.invoke(slot, f, room.subarray(0, bytes), bytes, id)
    const all = addTimeLeft(room, bytes, leftMs)
    pair.invoke(slot, f | CANCELLABLE, room.subarray(0, all), all, id)
  }

  function cancel(slot: number, id: number, reason: CancelReason = 'aborted'): void {
    pair.client.write(0, 0, cancelImmediate(slot, id, reason))
  }

  function serve(): void {
    for (let slot = pair.worker.poll(); slot >= 0; slot = pair.worker.poll()) server.serve(slot)
  }

  /** The next result: its id, its status, and its value or its error. */
  async function result(): Promise<[id: number, status: number, what: unknown]> {
    const { id, status, payload } = await pair.nextResult()
    return [id, status, status === STATUS_OK ? decodeValue(payload) : decodeFailure(status, payload, 'f')]
  }

  test('one that is cancelled before it begins does not run; all others run in their order, and all are counted', async () => {
    invoke(0, RUN, 10)
    invoke(1, RUN, 11)
    invoke(2, RUN, 12, null)
    cancel(1, 11)
    serve()
    assert.deepEqual(ran, ['10', '12'])
    assert.deepEqual((await result()).slice(0, 2), [10, STATUS_OK])
    const [id, status, error] = await result()
    assert.deepEqual([id, status], [11, STATUS_CANCELLED])
    assert.equal((error as { outcome: string }).outcome, 'not_run')
    assert.deepEqual((await result()).slice(0, 2), [12, STATUS_OK])
    assert.equal(meters.read().invocations, 3)
  })

  test('also one that is cancelled while another runs in front of it', async () => {
    invoke(0, RUN, 20)
    invoke(1, RUN, 21)
    during = () => {
      during = () => {}
      cancel(1, 21)
    }
    serve()
    assert.deepEqual(ran, ['20'])
    assert.deepEqual((await result()).slice(0, 2), [20, STATUS_OK])
    assert.deepEqual((await result()).slice(0, 2), [21, STATUS_CANCELLED])
  })

  test('those that were received together can be left for later, and stay in order', () => {
    for (const [slot, id] of [[0, 50], [1, 51], [2, 52]] as const) invoke(slot, RUN, id) // prettier-ignore
    server.mayGoOn = () => false
    server.serve(pair.worker.poll())
    assert.deepEqual([ran, server.hasAhead], [['50'], true])
    cancel(2, 52)
    server.serveAhead()
    assert.deepEqual([ran, server.hasAhead], [['50', '51'], true])
    server.serveAhead()
    assert.deepEqual([ran, server.hasAhead], [['50', '51'], false])
    assert.equal(meters.read().invocations, 3)
  })

  test('the signal of one that runs fires, with the reason', async () => {
    for (const [reason, name] of [
      ['aborted', 'AbortError'],
      ['deadline', 'TimeoutError'],
    ] as const) {
      // prettier-ignore
      invoke(3, WAIT, 30)
      serve()
      assert.equal(server.pending, 1)
      cancel(3, 30, reason)
      serve()
      const [id, status, error] = await result()
      assert.deepEqual([id, status], [30, STATUS_FUNCTION_FAILED])
      assert.equal(((error as Error).cause as Error).name, name)
    }
  })

  test('a generator has one context for all requests of its stream, whose signal fires when its reader leaves', async () => {
    invoke(1, STREAM, 60)
    serve()
    const items = async (): Promise<unknown[]> => {
      const { payload } = await pair.nextResult()
      return readItems(payload, payload.length).values
    }
    assert.deepEqual(await items(), ['2-60'])
    for (const id of [61, 62]) pair.invoke(1, STREAM, new Uint8Array(0), 0, id)
    server.serve(pair.worker.poll())
    assert.deepEqual(await items(), [false])
    serve()
    await new Promise(setImmediate)
    pair.client.write(0, 0, CLOSE_STREAM + 1)
    serve()
    assert.deepEqual(await items(), [])
    assert.deepEqual(ran, ['2-60 is over'])
    assert.equal(server.pending, 0)
  })

  test('a cancel that comes late, or names no slot, does nothing', async () => {
    invoke(0, WAIT, 41)
    serve()
    cancel(0, 40)
    cancel(3, 41)
    cancel(3000, 41)
    pair.client.write(0, 0, 4095)
    serve()
    invoke(1, RUN, 42)
    serve()
    assert.deepEqual((await result()).slice(0, 2), [42, STATUS_OK])
    assert.equal(server.pending, 1)
    assert.equal(meters.read().invocations, 2)
    cancel(0, 41)
    serve()
    assert.equal((await result())[0], 41)
  })

  test('a context names invocation, worker, and the time that is left', async () => {
    invoke(0, TELL, -1, 60_000)
    serve()
    const [, , told] = await result()
    const { leftMs, ...rest } = told as { leftMs: number }
    assert.deepEqual(rest, { id: '2-4294967295', worker: 2, workers: 3, aborted: false })
    assert.ok(leftMs > 0 && leftMs <= 60_000, `${leftMs}`)
    invoke(0, TELL, 5, null)
    serve()
    assert.equal(((await result())[2] as { leftMs: unknown }).leftMs, undefined)
  })

  test('a raw function gets its context, and its input without the time that is left', async () => {
    const room = new Uint8Array(64)
    pair.invoke(1, BYTES | CANCELLABLE, room.subarray(0, addTimeLeft(room, 5, 10)), 13, 6)
    pair.invoke(2, BYTES, room.subarray(0, 4), 4, 7)
    serve()
    assert.deepEqual((await pair.nextResult()).payload, Uint8Array.of(5, 2))
    assert.deepEqual((await pair.nextResult()).payload, Uint8Array.of(4, 2))
  })

  test('an input that is too short for the time that is left is refused', async () => {
    pair.invoke(1, RUN | CANCELLABLE, new Uint8Array(7), 7, 8)
    serve()
    assert.equal((await pair.nextResult()).status !== STATUS_OK, true)
    assert.deepEqual(ran, [])
  })
})
