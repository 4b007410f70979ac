/** What the data path's own test does not reach: clients that lie, fabrics that are full, clients that are gone. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { FabricError, type Connection } from '@rfaas/fabric'
import fc from 'fast-check'

import { raw } from '../functions.ts'
import { slotLayout } from '../protocol/slots.ts'
import {
  STATUS_FUNCTION_FAILED,
  STATUS_MALFORMED,
  STATUS_OK,
  STATUS_RESULT_TOO_LARGE,
  STATUS_UNKNOWN_FUNCTION,
} from '../protocol/status.ts'
import type { LoadedFunction } from './load.ts'
import { InvocationServer } from './server.ts'
import { TestPair } from './test-pair.ts'

const gates: PromiseWithResolvers<number>[] = []

const FUNCTIONS: LoadedFunction[] = [
  {
    name: 'echo',
    raw: true,
    call: raw((input, output) => {
      output.set(input)
      return input.length
    }),
  },
  {
    name: 'gated',
    raw: true,
    call: raw(() => {
      const gate = Promise.withResolvers<number>()
      gates.push(gate)
      return gate.promise
    }),
  },
]
const [ECHO, GATED] = [0, 1]

describe('InvocationServer', () => {
  const layout = slotLayout(3, 1024)
  let pair: TestPair
  let server: InvocationServer

  beforeEach(async () => {
    gates.length = 0
    pair = await TestPair.open(layout)
    server = new InvocationServer(pair.worker, layout, FUNCTIONS)
  })
  afterEach(() => pair.close())

  function serve(): void {
    for (let slot = pair.worker.poll(); slot >= 0; slot = pair.worker.poll()) server.serve(slot)
  }

  test('answers in the slot, under the id, of the invocation', () => {
    pair.invoke(2, ECHO, Uint8Array.of(1, 2), 2, 77)
    pair.invoke(0, ECHO, Uint8Array.of(3), 1, -1)
    serve()
    assert.deepEqual(pair.result(), { slot: 2, id: 77, status: STATUS_OK, payload: Uint8Array.of(1, 2) })
    assert.deepEqual(pair.result(), { slot: 0, id: -1, status: STATUS_OK, payload: Uint8Array.of(3) })
    assert.equal(pair.result(), null)
  })

  const seed = Date.now() & 0x7fffffff
  test(`whatever a header says, the answer is a status, and the next invocation is served (seed ${seed})`, () => {
    const anyWord = fc.oneof(fc.integer({ min: -3, max: 1030 }), fc.integer())
    fc.assert(
      fc.property(anyWord, anyWord, (f, claimedBytes) => {
        pair.invoke(1, f, Uint8Array.of(5), claimedBytes)
        serve()
        for (const gate of gates.splice(0)) gate.resolve(0)
        const result = pair.result()
        if (f === GATED && claimedBytes >= 0 && claimedBytes <= 1024) return
        const isLong = claimedBytes < 0 || claimedBytes > 1024
        const expected = f !== ECHO && f !== GATED ? STATUS_UNKNOWN_FUNCTION : isLong ? STATUS_MALFORMED : STATUS_OK
        assert.equal(result?.status, expected)
      }),
      { seed },
    )
  })

  test('a slot that does not exist is ignored', () => {
    server.serve(3)
    server.serve(4095)
    assert.equal(pair.result(), null)
    pair.invoke(0, ECHO, Uint8Array.of(1))
    serve()
    assert.equal(pair.result()?.status, STATUS_OK)
  })

  test('a raw function that promises has its number checked when it comes', async () => {
    const outcomes: [number, number][] = [
      [7, STATUS_OK],
      [1025, STATUS_RESULT_TOO_LARGE],
      [-1, STATUS_FUNCTION_FAILED],
      [NaN, STATUS_FUNCTION_FAILED],
    ]
    for (const [bytes, status] of outcomes) {
      pair.invoke(0, GATED, new Uint8Array(0))
      serve()
      assert.equal(server.pending, 1)
      gates.shift()!.resolve(bytes)
      assert.equal((await pair.nextResult()).status, status, `${bytes}`)
      assert.equal(server.pending, 0)
    }
  })

  test('what the fabric has no room for is sent later, in order', () => {
    let room = 0
    const narrow = withWrite(pair.worker, (write) => (room-- > 0 ? write() : false))
    server = new InvocationServer(narrow, layout, FUNCTIONS)
    for (const slot of [2, 0, 1]) pair.invoke(slot, ECHO, Uint8Array.of(slot))
    serve()
    assert.equal(server.allSent, false)
    assert.equal(pair.result(), null)
    room = 2
    server.flush()
    assert.deepEqual([pair.result()?.slot, pair.result()?.slot, pair.result()], [2, 0, null])
    assert.equal(server.allSent, false)
    room = 1
    server.flush()
    assert.equal(pair.result()?.slot, 1)
    assert.equal(server.allSent, true)
  })

  test('an answer to a client that has just gone is nobody’s error', async () => {
    const gone = withWrite(pair.worker, () => {
      throw new FabricError('lost', 'Cannot write: the peer is gone')
    })
    server = new InvocationServer(gone, layout, FUNCTIONS)
    pair.invoke(0, GATED, new Uint8Array(0))
    pair.invoke(1, GATED, new Uint8Array(0))
    serve()
    const settled = new Promise<void>((resolve) => (server.onSettled = () => void (server.pending === 0 && resolve())))
    // An unhandled rejection would fail this test, and end a worker.
    gates[0]!.resolve(0)
    gates[1]!.reject(new Error('too late'))
    await settled
  })
})

/** The same connection, but for what a write does. */
function withWrite(connection: Connection, write: (next: () => boolean) => boolean): Connection {
  return new Proxy(connection, {
    get: (target, name) => {
      if (name === 'write') {
        return (offset: number, byteLength: number, immediate: number) =>
          write(() => target.write(offset, byteLength, immediate))
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}
