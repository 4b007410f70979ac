import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'

import fc from 'fast-check'

import { RfaasError, toRfaasError } from './errors.ts'
import { isErrorLike, nameOf, printed, reasonOf, stackOf } from './thrown.ts'
import { NASTY } from './test-thrown.ts'

const seed = Date.now() & 0x7fffffff

function check(thrown: unknown): void {
  const error = toRfaasError(thrown, 'internal', 'Cannot do it')
  assert.ok(error instanceof RfaasError)
  assert.ok(error.message.startsWith('internal: Cannot do it: '))
  assert.equal(typeof reasonOf(thrown), 'string')
  assert.equal(typeof stackOf(thrown), 'string')
  assert.equal(typeof printed(thrown), 'string')
}

for (const [what, thrown] of NASTY) test(`toRfaasError takes ${what}`, () => check(thrown))

test(`toRfaasError takes anything (seed ${seed})`, () => {
  const anything = fc.anything({
    ...{ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true },
    ...{ withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true, withInvalidDate: true },
  })
  fc.assert(fc.property(anything, check), { seed, numRuns: 500 })
})

test('toRfaasError returns an RfaasError as it is, and keeps anything else as the cause', () => {
  const ours = new RfaasError('aborted', 'x')
  assert.equal(toRfaasError(ours), ours)
  const thrown: unknown = Object.create(null)
  assert.equal(toRfaasError(thrown).cause, thrown)
})

test('isErrorLike: errors of any realm and what looks like one', () => {
  for (const error of [
    new TypeError('x'),
    vm.runInNewContext('new Error()'),
    new DOMException('x'),
    { message: 'x', stack: 'y' },
  ])
    assert.equal(isErrorLike(error), true)
  for (const other of [null, undefined, 'text', { message: 'x' }, () => 1]) assert.equal(isErrorLike(other), false)
})

test('reasonOf and nameOf print what is no text', () => {
  assert.equal(reasonOf('only text'), 'only text')
  assert.equal(reasonOf({ code: 'E_QUOTA' }), "{ code: 'E_QUOTA' }")
  assert.equal(reasonOf(Object.assign(new Error(), { message: { left: 0 } })), '{ left: 0 }')
  assert.equal(nameOf(Object.assign(new Error(), { name: 429 })), '429')
})

test('an error of ours that becomes the reason of another leaves its code behind', () => {
  const denied = new RfaasError('lease_denied', 'Cannot grant lease: no node')
  assert.equal(reasonOf(denied), 'Cannot grant lease: no node')
  const missing = Object.assign(new Error('unreachable: no listener'), { name: 'FabricError', code: 'unreachable' })
  assert.equal(
    toRfaasError(missing, 'node_unreachable', 'Cannot open').message,
    'node_unreachable: Cannot open: no listener',
  )
})

test('what the fabric calls unsupported stays unsupported', () => {
  const text = 'unsupported: Cannot load rfaas_host'
  const missing = Object.assign(new Error(text), { name: 'FabricError', code: 'unsupported' })
  assert.equal(toRfaasError(missing).message, text)
})

test('reasonOf keeps the code in the message of an error that is not ours', () => {
  const missing = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
  assert.equal(reasonOf(missing), 'ENOENT: no such file')
})
