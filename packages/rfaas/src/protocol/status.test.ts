import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decodeFailure, encodeFailure, STATUS_FUNCTION_FAILED, STATUS_UNKNOWN_FUNCTION } from './status.ts'

test('a failure brings name, message and stack of the function to the caller', () => {
  const room = new Uint8Array(65536)
  const thrown = new RangeError('no such option')
  const error = decodeFailure(STATUS_FUNCTION_FAILED, room.subarray(0, encodeFailure(thrown, room)), 'price')
  assert.equal(error.code, 'function_failed')
  assert.equal(error.message, 'function_failed: price threw RangeError: no such option')
  const cause = error.cause as Error
  assert.equal(cause.name, 'RangeError')
  assert.equal(cause.stack, thrown.stack)
})

test('encodeFailure shortens what has no room: first the stack, then the message', () => {
  const thrown = new Error('é'.repeat(1000))
  for (const roomBytes of [3000, 1000, 100, 10, 1]) {
    const room = new Uint8Array(roomBytes)
    const byteLength = encodeFailure(thrown, room)
    assert.ok(byteLength <= roomBytes)
    const error = decodeFailure(STATUS_FUNCTION_FAILED, room.subarray(0, byteLength), 'f')
    assert.equal(error.code, 'function_failed')
    if (roomBytes >= 1000) assert.match(error.message, /é{20}/)
  }
})

test('encodeFailure takes whatever can be thrown', () => {
  const room = new Uint8Array(1024)
  for (const thrown of ['text', 42, null, undefined, { message: 5 }, Symbol('s')]) {
    const byteLength = encodeFailure(thrown, room)
    assert.match(decodeFailure(STATUS_FUNCTION_FAILED, room.subarray(0, byteLength), 'f').message, /f threw Error: /)
  }
})

test('decodeFailure gives the code of the status, for any payload', () => {
  for (const text of ['', '{', 'null', '[]', '{"name":1}']) {
    const error = decodeFailure(STATUS_UNKNOWN_FUNCTION, new TextEncoder().encode(text), 'f')
    assert.equal(error.code, 'unknown_function')
  }
})
