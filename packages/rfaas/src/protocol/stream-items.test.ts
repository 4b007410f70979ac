import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { RfaasError } from '../errors.ts'
import { encodeItem, ITEM, putEncoded, putItem, readItems, RETURNED } from './stream-items.ts'

const value = fc.oneof(fc.integer(), fc.string(), fc.uint8Array(), fc.constant(undefined), fc.object({ maxDepth: 1 }))

describe('items of a stream', () => {
  test('are read as they were put, together or encoded before; what needs more room says how much', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), value, (values, returned) => {
        const room = new Uint8Array(2 ** 16)
        let at = 0
        for (const [index, item] of values.entries()) {
          const end = index % 2 === 0 ? putItem(item, ITEM, room, at) : putEncoded(encodeItem(item), room, at)
          const encoded = encodeItem(item)
          const needed = at + 8 + encoded.length
          assert.ok(putItem(item, ITEM, new Uint8Array(at + 8), at) < 0)
          assert.equal(putEncoded(encoded, new Uint8Array(needed - 1), at), at - needed)
          assert.equal(putEncoded(encoded, new Uint8Array(needed), at), needed)
          at = end
        }
        const open = readItems(room, at)
        assert.deepEqual([open.values, open.isOver], [structuredClone(values), false])
        at = putItem(returned, RETURNED, room, at)
        assert.deepEqual(readItems(room, at), { values: structuredClone(values), isOver: true, returned })
      }),
    )
  })

  test('bytes that are no items give one error, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          readItems(bytes, bytes.length)
        } catch (error) {
          assert.ok(error instanceof RfaasError && error.code === 'internal')
        }
      }),
    )
    assert.throws(() => readItems(new Uint8Array(0), 0), { code: 'internal' })
  })
})
