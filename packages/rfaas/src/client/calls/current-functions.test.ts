import assert from 'node:assert/strict'
import { test } from 'node:test'

import { CurrentFunctions } from './current-functions.ts'
import type { RemoteFunction } from './wire.ts'

const f: RemoteFunction = { name: 'f', index: 0, raw: false }
const moved: RemoteFunction = { name: 'f', index: 1, raw: false, streams: false }
const stream: RemoteFunction = { name: 'f', index: 1, raw: false, streams: true }

test('CurrentFunctions: before an update every function is as it was given', () => {
  assert.equal(new CurrentFunctions().find(f), f)
})

test('CurrentFunctions: after an update, the function of the same name and kind; no call meets a function that streams', () => {
  const functions = new CurrentFunctions()
  functions.update([moved])
  assert.equal(functions.newest(f), moved)
  assert.equal(functions.find(stream), null)
  functions.update([stream])
  assert.equal(functions.find(f), null)
  const refusal = { code: 'unknown_function', outcome: 'not_run' }
  assert.throws(() => functions.newest(f), { ...refusal, message: /another kind of function/ })
  functions.update([{ ...moved, name: 'g' }])
  assert.throws(() => functions.newest(f), { ...refusal, message: /since the lease was updated, the module has g/ })
})
