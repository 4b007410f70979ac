/** What the data path's own test does not reach: lying clients, full fabrics, clients that are gone. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { FabricError, type Connection } from '@rfaas/fabric'
import fc from 'fast-check'

import { raw } from '../raw.ts'
import { decodeValue, encodeValue } from '../protocol/codec.ts'
import { slotLayout } from '../protocol/slots.ts'
import {
  decodeFailure,
  STATUS_FUNCTION_FAILED,
  STATUS_MALFORMED,
  STATUS_OK,
  STATUS_RESULT_REFUSED,
  STATUS_RESULT_TOO_LARGE,
  STATUS_UNKNOWN_FUNCTION,
} from '../protocol/status.ts'
import type { LoadedFunction } from './load.ts'
import { InvocationServer } from './server.ts'
import { NASTY } from '../test-thrown.ts'
import { TestPair, type RawResult } from './test-pair.ts'

const seed = Date.now() & 0x7fffffff
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
      [-1, STATUS_RESULT_REFUSED],
      [NaN, STATUS_RESULT_REFUSED],
      [undefined as never, STATUS_RESULT_REFUSED],
      [Object.create(null) as never, STATUS_RESULT_REFUSED],
    ]
    for (const [bytes, status] of outcomes) {
      pair.invoke(0, GATED, new Uint8Array(0))
      serve()
      assert.equal(server.pending, 1)
      gates.shift()!.resolve(bytes)
      assert.equal((await pair.nextResult()).status, status, String(typeof bytes))
      assert.equal(server.pending, 0)
    }
  })

  test('what the fabric has no room for is sent later, in order', () => {
    let room = 0
    const narrow = withSend(pair.worker, (send) => (room-- > 0 ? send() : false))
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
    const gone = withSend(pair.worker, () => {
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

/** The ways in which a function can end with a value. */
const WAYS: Record<string, (value: unknown) => unknown> = {
  throws: (value) => {
    throw value
  },
  returns: (value) => value,
  'promises to return': (value) => Promise.resolve(value),
  rejects: (value) => Promise.reject(value as Error),
  'rejects later': (value) => new Promise((_, reject) => setImmediate(reject, value)),
  'has a thenable that rejects': (value) => ({
    then: (_: unknown, reject: (reason: unknown) => void) => reject(value),
  }),
  'has a thenable that throws': (value) => ({
    then: () => {
      throw value
    },
  }),
  'has a then getter that throws': (value) => ({
    get then(): never {
      throw value
    },
  }),
  'has a result with a getter that throws': (value) => ({
    get x(): never {
      throw value
    },
  }),
  'promises a result with a getter that throws': (value) =>
    Promise.resolve({
      get x(): never {
        throw value
      },
    }),
}

describe('nothing that a function throws, returns or rejects with leaves InvocationServer as an exception:', () => {
  const layout = slotLayout(1, 4096)
  let pair: TestPair

  beforeEach(async () => {
    pair = await TestPair.open(layout)
  })
  afterEach(() => pair.close())

  const nothing = new Uint8Array(1024)
  const payload = nothing.subarray(0, encodeValue(undefined, nothing))

  async function answered(call: () => unknown, isRaw: boolean): Promise<RawResult> {
    const f = isRaw ? { name: 'f', raw: true, call: raw(call as () => number) } : { name: 'f', raw: false, call }
    const server = new InvocationServer(pair.worker, layout, [f as LoadedFunction])
    pair.invoke(0, 0, payload, payload.length, 5)
    for (let slot = pair.worker.poll(); slot >= 0; slot = pair.worker.poll()) server.serve(slot)
    const result = await pair.nextResult()
    assert.equal(result.id, 5)
    assert.equal(server.pending, 0)
    return result
  }

  for (const [what, way] of Object.entries(WAYS)) {
    for (const isRaw of [false, true]) {
      test(`${isRaw ? 'raw' : 'typed'}: it ${what}: values that are hard to read`, async () => {
        for (const [kind, value] of NASTY) {
          const { status, payload } = await answered(() => way(value), isRaw)
          const isFine = what.includes('return') || (isRaw && what.includes('result'))
          if (!isFine) assert.equal(status, STATUS_FUNCTION_FAILED, kind)
          if (status !== STATUS_OK) decodeFailure(status, payload, 'f')
        }
      })

      test(`${isRaw ? 'raw' : 'typed'}: it ${what}: anything (seed ${seed})`, async () => {
        const anything = fc.anything({
          ...{ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true },
          ...{ withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true },
        })
        await fc.assert(
          fc.asyncProperty(anything, async (value) => {
            const { status, payload } = await answered(() => way(value), isRaw)
            if (status !== STATUS_OK) decodeFailure(status, payload, 'f')
          }),
          { seed, numRuns: 100 },
        )
      })
    }
  }
})

describe('a thenable that settles more than once', () => {
  const layout = slotLayout(2, 1024)
  let pair: TestPair
  let server: InvocationServer
  type Settle = (value: unknown) => void
  let thenable: unknown
  const functions = [{ name: 'f', raw: false, call: () => thenable } as LoadedFunction]
  const bytes = new Uint8Array(64)
  const payload = bytes.subarray(0, encodeValue(undefined, bytes))

  beforeEach(async () => {
    pair = await TestPair.open(layout)
    server = new InvocationServer(pair.worker, layout, functions)
  })
  afterEach(() => pair.close())

  async function outcomeOf(id: number): Promise<unknown> {
    pair.invoke(0, 0, payload, payload.length, id)
    for (let slot = pair.worker.poll(); slot >= 0; slot = pair.worker.poll()) server.serve(slot)
    const result = await pair.nextResult()
    assert.equal(result.id, id)
    if (result.status === STATUS_OK) return decodeValue(result.payload)
    return (decodeFailure(result.status, result.payload, 'f').cause as Error).cause
  }

  const refused = new Error('too late')
  const CASES: [what: string, then: (resolve: Settle, reject: Settle) => void, expected: unknown][] = [
    ['resolves twice at once', (resolve) => (resolve(1), resolve(2)), 1],
    ['resolves twice, later', (resolve) => void setImmediate(() => (resolve(1), resolve(2))), 1],
    ['resolves and rejects', (resolve, reject) => (resolve(1), reject(refused)), 1],
    ['rejects and resolves', (resolve, reject) => (reject('r'), resolve(1)), 'r'],
    ['throws after it has resolved', (resolve) => { resolve(1); throw refused }, 1], // prettier-ignore
    ['resolves with a thenable', (resolve) => resolve({ then: (inner: Settle) => (inner(3), inner(4)) }), 3],
    ['resolves with a promise', (resolve) => resolve(Promise.resolve(5)), 5],
  ]
  for (const [what, then, expected] of CASES) {
    test(`${what}: the first counts, and the next invocation is answered once, by its own result`, async () => {
      thenable = { then }
      assert.equal(await outcomeOf(1), expected)
      assert.equal(server.pending, 0)
      thenable = 'the next'
      assert.equal(await outcomeOf(2), 'the next')
      // A second answer, which must not come, would arrive in this time.
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
      assert.equal(pair.result(), null)
      assert.equal(server.pending, 0)
    })
  }

  test('a function object with a then is a thenable, too', async () => {
    thenable = Object.assign(() => {}, { then: (resolve: Settle) => resolve(7) })
    assert.equal(await outcomeOf(1), 7)
  })

  test('one that never settles stays pending', async () => {
    thenable = { then: () => {} }
    pair.invoke(0, 0, payload)
    for (let slot = pair.worker.poll(); slot >= 0; slot = pair.worker.poll()) server.serve(slot)
    for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
    assert.equal(server.pending, 1)
    assert.equal(pair.result(), null)
  })
})

/** The same connection with another `send`. */
function withSend(connection: Connection, send: (next: () => boolean) => boolean): Connection {
  return new Proxy(connection, {
    get: (target, name) => {
      if (name === 'send') return (...args: Parameters<Connection['send']>) => send(() => target.send(...args))
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}
