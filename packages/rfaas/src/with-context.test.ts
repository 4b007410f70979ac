import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'

import { isRaw, rawWithContext, withContext, type Context } from './functions.ts'
import { contextFunctionOf, withLast } from './with-context.ts'

describe('withContext', () => {
  test('a direct call has a context of which nothing is known, as the last argument', () => {
    const f = withContext((a: number, b: number | undefined, context: Context) => [a, b, context.id, context.workers])
    assert.deepEqual(f(1, 2), [1, 2, 'direct', 1])
    assert.equal(isRaw(f), false)
    assert.equal(typeof contextFunctionOf(f), 'function')
    assert.equal(contextFunctionOf(() => {}), null) // prettier-ignore
  })

  test('a raw function stays raw', () => {
    const f = rawWithContext((input, output, context) => {
      output[0] = input.length + context.workers
      return 1
    })
    assert.equal(isRaw(f), true)
    const output = new Uint8Array(4)
    assert.equal(f(new Uint8Array(6), output), 1)
    assert.equal(output[0], 7)
  })

  test('arguments that were left out are undefined, and more than were asked for stay', () => {
    const context = {} as Context
    assert.deepEqual(withLast([1], 4, context), [1, undefined, undefined, context])
    assert.deepEqual(withLast([1, 2, 3], 0, context), [1, 2, 3, context])
  })
})
