import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { decodeArguments, decodeValue, encodeArguments, encodeValue } from './codec.ts'

const seed = Date.now() & 0x7fffffff
const replay = `seed ${seed}`

function room(byteLength: number): Uint8Array {
  // Dirty, as a slot is that served another invocation before.
  return new Uint8Array(byteLength).fill(0xab)
}

const cloneable = fc.oneof(
  fc.double(),
  fc.constant(undefined),
  fc.uint8Array({ maxLength: 200 }),
  fc.float64Array({ maxLength: 50 }),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.jsonValue(),
  fc.constant(null),
  fc.dictionary(fc.string(), fc.oneof(fc.double(), fc.string(), fc.int32Array({ maxLength: 9 })), {
    noNullPrototype: true,
  }),
)

test(`encodeValue and decodeValue are inverse (${replay})`, () => {
  fc.assert(
    fc.property(cloneable, (value) => {
      const bytes = room(65536)
      const byteLength = encodeValue(value, bytes)
      assert.ok(byteLength > 0)
      assert.deepEqual(decodeValue(bytes.subarray(0, byteLength)), value)
    }),
    { seed },
  )
})

test(`encodeArguments and decodeArguments keep the number of arguments (${replay})`, () => {
  fc.assert(
    fc.property(fc.array(cloneable, { maxLength: 4 }), (values) => {
      const bytes = room(262144)
      const byteLength = encodeArguments(values, bytes)
      assert.deepEqual(decodeArguments(bytes.subarray(0, byteLength)), values)
    }),
    { seed },
  )
})

test('an array as the one argument stays one argument', () => {
  const bytes = room(1024)
  assert.deepEqual(decodeArguments(bytes.subarray(0, encodeArguments([[1, 2]], bytes))), [[1, 2]])
})

test('encodeValue says how much room is missing, and writes nothing beyond the room', () => {
  const values = [1, 1000, 0.5, 7n, new Date(0), 'é', 'x'.repeat(99), 'é'.repeat(99), '\ud800'.repeat(99), null]
  const more = [
    new Uint8Array(100),
    new Float64Array(10),
    new ArrayBuffer(9),
    { a: 'b'.repeat(100) },
    new Map([[1, 2]]),
  ]
  for (const value of [...values, ...more, values, [1, 2], [-129], [0.5], { [`k${'e'.repeat(99)}`]: true }]) {
    // From the second time on, an object is written as one of a known shape.
    encodeValue(value, room(4096))
    const needed = encodeValue(value, room(4096))
    assert.equal(encodeValue(value, room(needed)), needed)
    for (let bytes = 0; bytes < needed; bytes++) {
      const memory = room(4096)
      assert.equal(encodeValue(value, memory.subarray(0, bytes)), -needed - 1)
      assert.deepEqual(memory.subarray(bytes), room(4096 - bytes))
    }
  }
})

test('encodeArguments refuses what cannot be cloned, and names it', () => {
  const items = [1, { url: new URL('http://example.org') }]
  for (const [args, sentence] of [
    [[() => 1], 'value is a function, which cannot be cloned'],
    [[1, { items }], 'arguments[1].items[1].url is a URL, which cannot be cloned'],
    [[{ items }], 'value.items[1].url is a URL, which cannot be cloned'],
  ] as const) {
    assert.throws(() => encodeArguments([...args], room(64)), {
      code: 'invalid_argument',
      message: `invalid_argument: Cannot send a value: ${sentence}`,
    })
  }
})

test('a decoded value does not refer to the payload', () => {
  for (const value of [Uint8Array.of(1, 2), Float64Array.of(1, 2), { inner: Uint8Array.of(1, 2, 3) }]) {
    const bytes = room(1024)
    const decoded = decodeValue(bytes.subarray(0, encodeValue(value, bytes)))
    bytes.fill(0)
    assert.deepEqual(decoded, value)
  }
})

test(`decodeValue throws one error for any bytes that are no value (${replay})`, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decodeValue(bytes)
      } catch (error) {
        assert.equal((error as { code: string }).code, 'internal')
      }
    }),
    { seed, numRuns: 2000 },
  )
})
