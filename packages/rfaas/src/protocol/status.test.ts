/** How what a function throws reaches its caller. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'

import fc from 'fast-check'

import { RfaasError } from '../errors.ts'
import { FAILURE_DEPTH_MAX, FAILURE_FIELD_BYTES_MAX, FAILURE_FIELDS_MAX } from './limits.ts'
import { NASTY } from '../test-thrown.ts'
import { encodeSentence, encodeThrown } from './failure-bytes.ts'
import {
  decodeFailure,
  STATUS_FUNCTION_FAILED,
  STATUS_MALFORMED,
  STATUS_RESULT_REFUSED,
  STATUS_RESULT_TOO_LARGE,
  STATUS_UNKNOWN_FUNCTION,
} from './status.ts'

const seed = Date.now() & 0x7fffffff

function failureOf(thrown: unknown, roomBytes = 65536): RfaasError {
  const room = new Uint8Array(roomBytes).fill(0xab)
  const byteLength = encodeThrown(thrown, room)
  assert.ok(byteLength <= roomBytes)
  return decodeFailure(STATUS_FUNCTION_FAILED, room.subarray(0, byteLength), 'price')
}
const causeOf = (thrown: unknown, roomBytes?: number): Error => failureOf(thrown, roomBytes).cause as Error

test('an error brings name, message and stack of the function to the caller', () => {
  const thrown = new RangeError('no such option')
  const error = failureOf(thrown)
  assert.equal(error.code, 'function_failed')
  assert.equal(error.message, 'function_failed: price threw RangeError: no such option')
  const cause = error.cause as Error
  assert.ok(cause instanceof RangeError)
  assert.equal(cause.name, 'RangeError')
  assert.equal(cause.stack, thrown.stack)
})

test('an error has the built-in class of its name, or is an Error of that name', () => {
  for (const type of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    assert.equal(Object.getPrototypeOf(causeOf(new type('x'))), type.prototype)
    assert.equal(Object.hasOwn(causeOf(new type('x')), 'name'), false)
  }
  const own = causeOf(Object.assign(new Error('x'), { name: 'QuotaError' }))
  assert.equal(Object.getPrototypeOf(own), Error.prototype)
  assert.deepEqual([own.name, Object.keys(own)], ['QuotaError', []])
})

test('an error whose class extends a built-in class is an instance of that, whatever its name', () => {
  class OutOfStock extends RangeError {
    override readonly name = 'OutOfStock'
    readonly left = 0
  }
  const cause = causeOf(new OutOfStock('no more')) as OutOfStock
  assert.ok(cause instanceof RangeError)
  assert.deepEqual([cause.name, cause.message, cause.left], ['OutOfStock', 'no more', 0])
  class AllFailed extends AggregateError {
    override readonly name = 'AllFailed'
  }
  const all = causeOf(new AllFailed([new TypeError('first')], 'none')) as AggregateError
  assert.ok(all instanceof AggregateError && all.name === 'AllFailed')
  assert.ok(all.errors[0] instanceof TypeError)
})

test('a DOMException arrives as one: that of a signal, too', () => {
  for (const thrown of [new DOMException('too late', 'TimeoutError'), AbortSignal.abort().reason as DOMException]) {
    const cause = causeOf(thrown) as DOMException
    assert.ok(cause instanceof DOMException && cause instanceof Error)
    assert.deepEqual([cause.name, cause.message, cause.code], [thrown.name, thrown.message, thrown.code])
    assert.equal(cause.stack, thrown.stack)
    assert.deepEqual(Object.keys(cause), [])
  }
})

test('own fields that can be cloned come along, others do not', () => {
  class HttpError extends Error {
    readonly status = 404
    readonly details = { id: 7, at: new Date(0), bytes: Uint8Array.of(1) }
    readonly retry = (): void => {}
    readonly url = new URL('http://example.org')
  }
  const cause = causeOf(Object.assign(new HttpError('no such order'), { code: 'E_HTTP', errno: -2 })) as HttpError
  assert.deepEqual(
    { ...cause },
    { status: 404, details: { id: 7, at: new Date(0), bytes: Uint8Array.of(1) }, code: 'E_HTTP', errno: -2 },
  )
})

test('a field cannot change what an error is', () => {
  const fields = JSON.parse('{"__proto__": {"polluted": 1}, "stack": "forged", "toString": "x"}') as object
  const thrown = Object.assign(new Error('x'), fields)
  const cause = causeOf(Object.defineProperty(thrown, '__proto__', { value: { polluted: 1 }, enumerable: true }))
  assert.equal(Object.getPrototypeOf(cause), Error.prototype)
  assert.equal((cause as { polluted?: 1 }).polluted, undefined)
})

test('cause, the errors of an AggregateError and those of a SuppressedError come along, with their fields', () => {
  const row = Object.assign(new TypeError('row not found', { cause: 'a text' }), { code: 'E_ROW' })
  const cause = causeOf(new Error('no such order', { cause: row })).cause as typeof row
  assert.ok(cause instanceof TypeError)
  assert.deepEqual(
    [cause.message, cause.code, cause.cause, cause.stack],
    ['row not found', 'E_ROW', 'a text', row.stack],
  )

  const any = causeOf(new AggregateError([row, 'text', undefined, { a: 1 }], 'none')) as AggregateError
  assert.ok(any instanceof AggregateError)
  const [first, ...others] = any.errors as [typeof row, ...unknown[]]
  assert.equal(first.code, 'E_ROW')
  assert.deepEqual(others, ['text', undefined, { a: 1 }])

  const both = causeOf(new SuppressedError(row, new RangeError('first'), 'twice')) as SuppressedError
  assert.ok(both instanceof SuppressedError)
  assert.equal((both.error as typeof row).code, 'E_ROW')
  assert.ok(both.suppressed instanceof RangeError)
})

test('an error of another realm is an error, with its own stack', () => {
  const options = { filename: 'their-script.js' }
  const cause = causeOf(vm.runInNewContext('try { null.x } catch (error) { error }', {}, options))
  assert.ok(cause instanceof TypeError)
  assert.match(cause.stack!, /their-script\.js/)
})

test('for a thrown value that is no error the cause is an error with its fields, whose cause is the value', () => {
  for (const [thrown, text] of [
    ['only text', "'only text'"],
    [{ code: 'E_QUOTA', left: 0 }, "{ code: 'E_QUOTA', left: 0 }"],
    [429, '429'],
    [undefined, 'undefined'],
    [null, 'null'],
    [5n, '5n'],
  ] as const) {
    const error = failureOf(thrown)
    assert.equal(error.message, `function_failed: price threw ${text}, which is no Error`)
    const cause = error.cause as Error & { code?: unknown; left?: unknown }
    assert.ok(cause instanceof Error)
    assert.deepEqual(cause.cause, thrown)
    // No frame of ours is shown as if it were theirs.
    assert.equal(cause.stack, `Error: ${cause.message}`)
    if (typeof thrown === 'object' && thrown !== null) assert.deepEqual([cause.code, cause.left], ['E_QUOTA', 0])
  }
  const error = failureOf(Symbol('s'))
  assert.equal(error.message, 'function_failed: price threw Symbol(s), which is no Error')
  assert.equal((error.cause as Error).message, 'Symbol(s)')
})

test('a sentence shows no more of a value than it has room for', () => {
  const fields = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`field${i}`, i]))
  const error = failureOf(fields)
  assert.ok(error.message.length < 1100, `${error.message.length}`)
  assert.deepEqual((error.cause as Error).cause, fields)
})

test('no stack of ours is shown as if it were the function’s', () => {
  for (const thrown of [
    Object.assign(new Error('x'), { stack: undefined }),
    Object.assign(new Error('x'), { stack: 5 }),
  ])
    assert.equal(causeOf(thrown).stack, 'Error: x')
})

test('circles and endless chains end', () => {
  const itself = new Error('in a circle')
  itself.cause = itself
  assert.equal(Object.hasOwn(causeOf(itself), 'cause'), false)
  let depth = 0
  const chain = Array.from({ length: 100 }).reduce((cause) => new Error('link', { cause }), undefined)
  for (let error = causeOf(chain); error !== undefined; error = error.cause as Error) depth++
  assert.equal(depth, FAILURE_DEPTH_MAX)
})

test('a field that is too large, and fields beyond the bound, are left out', () => {
  const fields = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field${i}`, i]))
  const cause = causeOf(Object.assign(new Error('x'), { large: new Uint8Array(FAILURE_FIELD_BYTES_MAX), ...fields }))
  assert.equal(Object.keys(cause).length, FAILURE_FIELDS_MAX)
  assert.equal('large' in cause, false)
})

test('what has no room is left out: fields of causes, then the stack, the causes, fields, and then the message is shortened', () => {
  const cause = Object.assign(new Error('why'), { details: 'd'.repeat(3000) })
  const thrown = Object.assign(new Error('é'.repeat(500), { cause }), { code: 'E', text: 't'.repeat(2000) })
  thrown.stack = 's'.repeat(5000)
  const kept = (roomBytes: number): string[] => {
    const error = causeOf(thrown, roomBytes) as typeof thrown
    const inner = error.cause as typeof cause | undefined
    return [
      ...(inner?.details ? ['details'] : []),
      ...(error.stack!.length > 4000 ? ['stack'] : []),
      ...(inner ? ['cause'] : []),
      ...(error.text ? ['text'] : []),
      ...(error.code ? ['code'] : []),
      ...(error.message.length === 500 ? ['message'] : []),
    ]
  }
  const orders = Array.from({ length: 200 }, (_, i) => kept(60 * (i + 1)).join())
  assert.deepEqual([...new Set(orders)].reverse(), [
    'details,stack,cause,text,code,message',
    'stack,cause,text,code,message',
    'cause,text,code,message',
    'text,code,message',
    'code,message',
    'message',
    '',
  ])
  assert.match(failureOf(thrown, 100).message, /price threw Error: é{40}/)
})

test(`whatever is thrown, its failure fits into any room and can be read (seed ${seed})`, () => {
  const anything = fc.anything({
    ...{ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true },
    ...{ withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true },
  })
  const thrown = fc.oneof(
    anything,
    fc
      .tuple(fc.string({ unit: 'binary' }), anything, anything)
      .map(([message, cause, details]) => Object.assign(new Error(message, { cause }), { details })),
    fc
      .tuple(anything, anything, anything)
      .map(([name, message, stack]) => Object.assign(new Error(), { name, message, stack })),
    fc.array(anything).map((errors) => new AggregateError(errors)),
  )
  fc.assert(
    fc.property(thrown, fc.oneof(fc.nat(200), fc.constant(65536)), (thrown, roomBytes) => {
      assert.equal(failureOf(thrown, roomBytes).code, 'function_failed')
    }),
    { seed, numRuns: 500 },
  )
})

for (const [what, thrown] of NASTY) {
  test(`${what} can be thrown`, () => {
    for (const roomBytes of [0, 1, 2, 3, 8, 64, 300, 5000, 2 ** 20]) {
      const error = failureOf(thrown, roomBytes)
      assert.ok(error.message.startsWith('function_failed: price threw '), error.message)
    }
  })
}

test('decodeFailure gives the code of the status, and a sentence of ours without a cause', () => {
  const room = new Uint8Array(64)
  const payload = room.subarray(0, encodeSentence('it is so', room))
  for (const [status, code, outcome] of [
    [STATUS_UNKNOWN_FUNCTION, 'unknown_function', 'not_run'],
    [STATUS_RESULT_TOO_LARGE, 'result_too_large', 'ran'],
    [STATUS_RESULT_REFUSED, 'function_failed', 'ran'],
    [STATUS_MALFORMED, 'internal', 'not_run'],
    [77, 'internal', 'unknown'],
  ] as const) {
    const error = decodeFailure(status, payload, 'f')
    assert.equal(error.message, `${code}: Cannot invoke f: it is so`)
    assert.equal(error.cause, undefined)
    assert.equal(error.outcome, outcome)
  }
  assert.equal(failureOf(new Error('x')).outcome, 'ran')
})

test(`decodeFailure takes whatever a hostile worker writes (seed ${seed})`, () => {
  const room = new Uint8Array(5000)
  const thrown = Object.assign(new AggregateError([new Error('inner', { cause: 'c' })], 'x'), { code: 'E' })
  const honest = room.slice(0, encodeThrown(thrown, room))
  const bent = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { maxLength: 5 }).map((changes) => {
    const bytes = honest.slice()
    for (const [at, byte] of changes) bytes[at] = byte
    return bytes
  })
  const noise = fc.tuple(fc.nat(3), fc.uint8Array()).map(([kind, bytes]) => Uint8Array.of(kind, ...bytes))
  fc.assert(
    fc.property(fc.oneof(bent, noise, fc.uint8Array()), fc.nat(9), (payload, status) => {
      assert.ok(decodeFailure(status, payload, 'f') instanceof RfaasError)
    }),
    { seed, numRuns: 3000 },
  )
})

test('what is decoded does not refer to the payload', () => {
  const room = new Uint8Array(5000)
  const payload = room.subarray(0, encodeThrown(Object.assign(new Error('x'), { bytes: Uint8Array.of(1, 2) }), room))
  const { cause } = decodeFailure(STATUS_FUNCTION_FAILED, payload, 'f')
  room.fill(0)
  assert.deepEqual({ ...(cause as object) }, { bytes: Uint8Array.of(1, 2) })
})
