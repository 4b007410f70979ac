import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'

import fc from 'fast-check'

import { checkLeaseOptions } from './lease-options.ts'
import type { LeaseOptions } from './types.ts'

const functions = './pricing.ts'

test('checkLeaseOptions fills in the documented defaults', () => {
  assert.deepEqual(checkLeaseOptions({ functions }), {
    functions,
    cores: 1,
    memoryMib: 512,
    durationMs: 60_000,
    hotTimeoutMs: 10,
    slots: 4,
    payloadBytesMax: 2 ** 20,
    queueMax: 1024,
    spinUs: 20,
    nodeId: '',
    fabric: undefined,
  })
})

test('checkLeaseOptions writes hotTimeoutMs as it travels', () => {
  const hot = (hotTimeoutMs: LeaseOptions['hotTimeoutMs'] & {}) => checkLeaseOptions({ functions, hotTimeoutMs })
  assert.equal(hot('always').hotTimeoutMs, -1)
  assert.equal(hot('never').hotTimeoutMs, 0)
  assert.equal(hot(0).hotTimeoutMs, 0)
  assert.equal(hot(0.25).hotTimeoutMs, 0.25)
})

test('checkLeaseOptions keeps what it was given, also at the edges', () => {
  const url = new URL('file:///somewhere/pricing.ts')
  const least = { functions: url, cores: 1, memoryMib: 1, slots: 1, payloadBytesMax: 1, queueMax: 0, spinUs: 0 }
  assert.deepEqual(checkLeaseOptions({ ...least, nodeId: 'a', fabric: 'verbs' }), {
    ...least,
    durationMs: 60_000,
    hotTimeoutMs: 10,
    nodeId: 'a',
    fabric: 'verbs',
  })
})

const seed = Date.now() & 0x7fffffff
test(`checkLeaseOptions: what is no number of the right kind is refused by name (seed ${seed})`, () => {
  const names = ['cores', 'memoryMib', 'durationMs', 'hotTimeoutMs', 'slots', 'payloadBytesMax', 'queueMax', 'spinUs']
  const noNumber = fc.oneof(fc.string(), fc.constantFrom(NaN, Infinity, -Infinity, -1, null, true, 1n, {}, []))
  fc.assert(
    fc.property(fc.constantFrom(...names), noNumber, (name, value) => {
      if (name === 'hotTimeoutMs' && (value === 'always' || value === 'never')) return
      assert.throws(() => checkLeaseOptions({ functions, [name]: value }), {
        code: 'invalid_argument',
        message: new RegExp(`^invalid_argument: Cannot lease: ${name} must be a (whole )?number`),
      })
    }),
    { seed },
  )
})

test('checkLeaseOptions shows the value as it is', () => {
  for (const value of [NaN, null, 1n, '7', [7]]) {
    const shown = typeof value === 'string' ? `"${value}"` : inspect(value)
    assert.throws(
      () => checkLeaseOptions({ functions, durationMs: value as number }),
      (thrown: Error) => thrown.message.endsWith(`not ${shown}`),
    )
  }
})

test('checkLeaseOptions refuses names that are no options, inherited ones too', () => {
  for (const name of ['memoryMiB', 'core', 'toString', '__proto__x']) {
    assert.throws(() => checkLeaseOptions({ functions, [name]: 1 }), {
      code: 'invalid_argument',
      message: new RegExp(`there is no option "${name}"`),
    })
  }
})
