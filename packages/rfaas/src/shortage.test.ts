import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shortageAdvice } from './shortage.ts'

const withFields = (fields: object): Error => Object.assign(new Error('it failed'), fields)

test('says what to do about descriptors that have run out, also where the error has only their number', () => {
  const advice = /^; this process has no file descriptor left: .*ulimit -n/
  assert.match(shortageAdvice(withFields({ code: 'EMFILE', errno: -24 })), advice)
  assert.match(shortageAdvice(withFields({ code: 'ERR_SYSTEM_ERROR', errno: 24 })), advice)
  assert.match(shortageAdvice(withFields({ code: 'EAGAIN' })), /ulimit -u/)
})

test('is empty for any other error', () => {
  for (const error of [withFields({ code: 'ENOENT', errno: -2 }), withFields({}), 'EMFILE', null]) {
    assert.equal(shortageAdvice(error), '')
  }
})
