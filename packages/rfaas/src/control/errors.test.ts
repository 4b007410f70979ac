import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Code, ConnectError } from '@connectrpc/connect'
import { RfaasError } from '../errors.ts'
import { CODE_HEADER, fromConnectError, toConnectError } from './errors.ts'

test('toConnectError, fromConnectError: code and sentence survive the way there and back', () => {
  const there = toConnectError(new RfaasError('lease_denied', 'Cannot grant lease: 12 cores asked, 8 free'))
  assert.equal(there.code, Code.ResourceExhausted)
  const back = fromConnectError(there, 'manager_unreachable', 'Cannot reach')
  assert.equal(back.code, 'lease_denied')
  assert.equal(back.message, 'lease_denied: Cannot grant lease: 12 cores asked, 8 free')
})

test('toConnectError: what is not ours becomes internal, with its message', () => {
  const back = fromConnectError(
    toConnectError(new TypeError('x is not a function')),
    'node_unreachable',
    'Cannot reach',
  )
  assert.equal(back.code, 'internal')
  assert.match(back.message, /x is not a function/)
})

test('fromConnectError: a code that we do not have is not believed', () => {
  const error = new ConnectError('hm', Code.Unknown, { [CODE_HEADER]: 'toString' })
  assert.equal(fromConnectError(error, 'node_unreachable', 'Cannot reach').code, 'node_unreachable')
})

test('fromConnectError: a failure of the connection gets the fallback code, the action and the reason', () => {
  const error = fromConnectError(
    new ConnectError('PING timed out', Code.Unavailable),
    'node_unreachable',
    'Cannot reach',
  )
  assert.equal(error.message, 'node_unreachable: Cannot reach: PING timed out')
})
