/** The names of an object's fields are written once, and known from then on; what is no list of names is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'

import { decodeValue, encodeValue } from './codec.ts'
import { ReadShapes, WrittenShapes } from './shapes.ts'

const seed = Date.now() & 0x7fffffff
const room = new Uint8Array(2 ** 16)
const send = (value: unknown): Uint8Array => room.slice(0, encodeValue(value, room))

const [COMPACT, OBJECT, SHAPED, SAME_SHAPE] = [1, 18, 21, 22]

/** A message whose stream these bytes are. */
function message(...stream: number[]): Uint8Array {
  return Uint8Array.of(COMPACT, 0, 0, 0, stream.length, 0, 0, 0, ...stream)
}
/** A shaped object as it is written: its names, and what follows. */
function shaped(fields: number, names: number[], ...items: number[]): number[] {
  return [SHAPED, fields, names.length, 0, 7, 7, 7, 7, ...names, ...items]
}
const A = 97
const TRUE = 3

describe('an object', () => {
  test('has a shape when its names come for the second time', () => {
    const once = { seenFor: 1, theFirstTime: 2 }
    assert.deepEqual([send(once)[8], send(once)[8], send({ ...once })[8]], [OBJECT, SHAPED, SHAPED])
    assert.equal(send({ theFirstTime: 2, seenFor: 1 })[8], OBJECT, 'the order of the names is part of a shape')
  })

  test('of a shape that the message already has takes two bytes beside its members', () => {
    const rows = Array.from({ length: 300 }, () => ({ isIn: true, row: false }))
    send(rows)
    const bytes = send(rows)
    assert.deepEqual(decodeValue(bytes), rows)
    assert.ok(bytes.length < 300 * 4 + 50, `${bytes.length} bytes`)
  })

  test('of more shapes than have a number arrives', () => {
    const rows = Array.from({ length: 600 }, (_, i) => ({ [`field${i % 300}`]: i, [`other${i % 299}`]: i }))
    for (let i = 0; i < 3; i++) assert.deepEqual(decodeValue(send(rows)), rows)
  })

  test('whose names nobody can write as a shape arrives', () => {
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]))
    for (const value of [wide, { 漢: 1 }, { ['x'.repeat(300)]: 1 }, {}])
      for (let i = 0; i < 3; i++) assert.deepEqual(decodeValue(send(value)), value)
  })
})

describe('no shape', () => {
  for (const [what, stream] of Object.entries({
    'ends within a name': shaped(1, [4, A, A, A], TRUE),
    'has fewer names than fields': shaped(3, [1, A, 1, 98], TRUE, TRUE, TRUE),
    'has a name twice': shaped(2, [1, A, 1, A], TRUE, TRUE),
    'has no whole number of words': shaped(1, [2, A, A], TRUE),
    'lies beyond the stream': [SHAPED, 1, 0xff, 0xff, 0, 0, 0, 0, 1, A],
    'has fewer members than names': shaped(2, [1, A, 1, 98], TRUE),
    'has a number that was not given': [SAME_SHAPE, 0],
    'has an end that was cut off': [SHAPED, 1],
  })) {
    test(what, () => assert.throws(() => decodeValue(message(...stream)), { code: 'internal' }))
  }

  test('is taken for another with the same hash', () => {
    const [b, c] = [98, 99]
    for (const name of [A, b, c, A]) {
      const value = decodeValue(message(...shaped(1, [1, name, 0, 0], TRUE)))
      assert.deepEqual(value, { [String.fromCharCode(name)]: true })
    }
  })
})

test('a member that is absent is no field', () => {
  const absent = 23
  assert.deepEqual(decodeValue(message(...shaped(2, [1, A, 1, 98], absent, TRUE))), { b: true })
  assert.throws(() => decodeValue(message(absent)), { code: 'internal' })
})

test(`whatever was seen before, the names that are read are those that were written (seed ${seed})`, () => {
  const lists = fc.array(
    fc.uniqueArray(fc.oneof(fc.constantFrom('a', 'b', '0', '__proto__', ''), fc.string({ maxLength: 9 })), {
      maxLength: 6,
    }),
    { minLength: 1, maxLength: 100 },
  )
  fc.assert(
    fc.property(lists, (all) => {
      const [written, read] = [new WrittenShapes(), new ReadShapes()]
      for (const keys of [...all, ...all, ...all]) {
        const shape = written.find(keys)
        if (shape === null) continue
        assert.deepEqual(shape.keys, keys)
        const { hash, names, byteLength } = shape
        assert.deepEqual(read.find(hash, keys.length, names!, 0, byteLength).keys, keys)
      }
    }),
    { seed, numRuns: 300 },
  )
})

test('names that can have no shape are not kept: a dictionary is forgotten with its message', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const written = new WrittenShapes()
  const many = Array.from({ length: 100_000 }, (_, i) => `name ${i}`)
  const long = ['x'.repeat(5_000)]
  const fits = Array.from({ length: 255 }, (_, i) => `n${i}`)
  const kept = [many, long, fits].map((keys) => {
    // A list of its own, as `Object.keys` gives one.
    const own = [...keys]
    assert.equal(written.find(own), null)
    return new WeakRef(own)
  })
  // A WeakRef holds what it was made for until the running job is over.
  await new Promise(setImmediate)
  collect()
  assert.deepEqual(kept.map((list) => list.deref() !== undefined), [false, false, true]) // prettier-ignore
  assert.notEqual(written.find(fits), null)
})
