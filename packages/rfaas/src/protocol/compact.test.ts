/** What is compact arrives as structuredClone would give it; everything else takes the other way. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { types } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import fc from 'fast-check'

import { decodeArguments, decodeValue, encodeArguments, encodeValue, NotCloneableError } from './codec.ts'
import * as views from './views.ts'

const seed = Date.now() & 0x7fffffff
const COMPACT = 1
const STRUCTURED = 2
const room = new Uint8Array(2 ** 20)

const formatOf = (value: unknown): number => {
  encodeValue(value, room)
  return room[0]!
}
const trip = (value: unknown): unknown => decodeValue(room.subarray(0, encodeValue(value, room)))
/** An object's shape is unknown, then written for the first time, then read by its hash. */
const TRIPS = 3

/** A value as text in which everything shows that a program could tell apart, but for the memory of views. */
function told(value: unknown, seen = new Map<object, number>()): string {
  if (typeof value !== 'object' || value === null)
    return Object.is(value, -0) ? '-0' : `${typeof value} ${String(value)}`
  if (seen.has(value)) return `the same as ${seen.get(value)}`
  seen.set(value, seen.size)
  const name = (Object.getPrototypeOf(value) as { constructor: { name: string } }).constructor.name
  if (ArrayBuffer.isView(value)) {
    // A Buffer stays one, where structuredClone makes a Uint8Array of it.
    return `${name === 'Buffer' ? 'Uint8Array' : name} ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  if (value instanceof ArrayBuffer) {
    const { byteLength, maxByteLength, resizable } = value
    return `${name} ${byteLength} ${maxByteLength} ${resizable} ${Buffer.from(value).toString('hex')}`
  }
  if (value instanceof Date) return `Date ${value.getTime()}`
  const fields = Object.entries(Object.getOwnPropertyDescriptors(value)).map(([key, descriptor]) => {
    const { value: member, writable, enumerable, configurable } = descriptor
    return `${JSON.stringify(key)} ${writable} ${enumerable} ${configurable}: ${told(member, seen)}`
  })
  return `${name} { ${fields.join(', ')} }`
}

const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.array(fc.nat(0xffff), { maxLength: 50 }).map((units) => String.fromCharCode(...units)),
  fc.array(fc.nat(0xff), { maxLength: 80 }).map((units) => String.fromCharCode(...units)),
)
const key = fc.oneof(
  text,
  fc.constantFrom('__proto__', 'constructor', 'toString', 'length', 'then', '0', '10', '2', '4294967295', '-1', ''),
)
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.integer({ min: -200, max: 200 }),
  fc.constantFrom(-0, 0, NaN, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 127, 128, -128, -129, 32767, -32769),
)
const view = fc
  .tuple(
    fc.constantFrom<(buffer: ArrayBuffer, at: number, count: number) => ArrayBufferView>(
      (...all) => new Uint8Array(...all),
      (...all) => new Uint8ClampedArray(...all),
      (...all) => new Int16Array(...all),
      (...all) => new Float32Array(...all),
      (...all) => new Float64Array(...all),
      (...all) => new BigUint64Array(...all),
      (buffer, at, count) => new DataView(buffer, at, count),
      (buffer, at, count) => Buffer.from(buffer, at, count),
      (buffer) => new Uint32Array(buffer),
    ),
    fc.uint8Array({ minLength: 64, maxLength: 64 }),
    fc.constantFrom(0, 8, 16),
    fc.nat(5),
  )
  .map(([make, bytes, at, count]) => make(new Uint8Array(bytes).buffer, at, count))
const leaf = fc.oneof(
  ...[
    number,
    text,
    view,
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.date(),
    fc.bigInt(),
    fc.bigInt({ max: 9n }),
  ],
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes).buffer),
)
const { compact } = fc.letrec<{ compact: unknown }>((tie) => ({
  compact: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(number, { maxLength: 20 }),
    fc.array(tie('compact'), { maxLength: 12 }),
    fc.array(fc.tuple(key, tie('compact')), { maxLength: 12 }).map((fields) => Object.fromEntries(fields)),
    fc
      .array(fc.tuple(key, tie('compact')), { maxLength: 3 })
      .map((fields) => Object.assign(Object.create(null) as object, Object.fromEntries(fields))),
  ),
}))

/** Anything around or in it that is not compact. */
const mixed = fc.tuple(compact, compact).chain(([a, b]) =>
  fc.constantFrom<unknown[]>(
    [a, b, a],
    [{ a, b }, new Map([[a, b]])],
    Object.assign([a, b], { named: a }),
    Object.assign([1, 2, 3], { named: b }),
    [a, , b],
    Object.assign(new (class extends Array<unknown> {})(), [a, b]),
    [new (class Point { a = a; b = b })(), new Error('x', { cause: a })], // prettier-ignore
    [Object(1), Object('text'), new Set([a])],
  ),
)

test(`what is compact arrives as a structured clone (seed ${seed})`, () => {
  fc.assert(
    fc.property(compact, (value) => {
      for (let i = 0; i < TRIPS; i++) assert.equal(told(trip(value)), told(structuredClone(value)))
    }),
    { seed, numRuns: 500 },
  )
})

test(`what is compact in part arrives as a structured clone (seed ${seed})`, () => {
  fc.assert(
    fc.property(mixed, (value) => {
      trip(value)
      assert.equal(told(trip(value)), told(structuredClone(value)))
      const bytes = room.subarray(0, encodeArguments([...value], room))
      assert.equal(told(decodeArguments(bytes)), told(structuredClone([...value])))
    }),
    { seed, numRuns: 500 },
  )
})

describe('the format', () => {
  const shared = { x: 1 }
  const getter = { get x(): number { return 7 } } // prettier-ignore
  for (const [what, value] of Object.entries({
    undefined,
    'an object of numbers': { spot: 36, strike: 40.5, rate: 0.06 },
    'texts in arrays in objects': { names: ['a', 'é', '漢'] },
    'an object without a prototype': Object.assign(Object.create(null) as object, { a: 1 }),
    'a field named __proto__': JSON.parse('{ "__proto__": 1 }') as object,
    'a getter': getter,
    'a Float32Array': Float32Array.of(1),
    'typed arrays in objects': { a: new Uint8Array(5), b: { c: new Float64Array(3) } },
    'a view of shared memory': new Uint8Array(new SharedArrayBuffer(8)),
    'two views of one ArrayBuffer': [new Uint8Array(room.buffer, 0, 8), new Uint8Array(room.buffer, 8, 8)],
    'a Buffer': Buffer.from('abc'),
    'a date': new Date(NaN),
  })) {
    test(`of ${what} is compact`, () => assert.equal(formatOf(value), COMPACT))
  }
  for (const [what, value] of Object.entries({
    'a Map': { map: new Map() },
    'an object that occurs twice': [shared, [shared]],
    'an object that occurs twice among many': [...Array.from({ length: 50 }, (_, i) => [i]), shared, shared],
    'an array with holes': [1, 2, , 4],
    'an array with a named field': Object.assign([1], { a: 1 }),
    'a bigint of more than 64 bits': 2n ** 64n,
    'an ArrayBuffer that can be resized': new ArrayBuffer(8, { maxByteLength: 16 }),
    'a boxed text that seems to be a plain object': Object.setPrototypeOf(Object('text'), Object.prototype) as object,
    'a Map that seems to be a plain object': Object.setPrototypeOf(new Map(), Object.prototype) as object,
  })) {
    test(`of ${what} is that of V8`, () => assert.equal(formatOf(value), STRUCTURED))
  }

  test('of an instance is that of V8, and compact once its class is known', () => {
    class Point {
      x = 1
      #private = 2
      get sum(): number {
        return this.x + this.#private
      }
    }
    assert.deepEqual([formatOf(new Point()), formatOf(new Point())], [STRUCTURED, COMPACT])
    assert.equal(told(trip(new Point())), told({ x: 1 }))
  })
})

describe('what only seems to be plain is refused', () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  for (const [what, value] of Object.entries({
    'a Proxy of an object': new Proxy({ a: 1 }, {}),
    'a Proxy of an array': new Proxy([1], {}),
    'a Proxy that was revoked': proxy,
    'the arguments of a function': (function (..._: unknown[]) { return arguments })(1), // prettier-ignore
    'a module': views,
  })) {
    test(what, () => {
      for (const inner of [value, { value }, [value]]) assert.throws(() => trip(inner), NotCloneableError)
      assert.ok(what.includes('Proxy') === types.isProxy(value))
    })
  }
})

test('a getter may send a value itself', () => {
  const value = { a: 1, get b(): unknown { return trip({ c: [0.5, 'x'] }) }, d: 2 } // prettier-ignore
  const outer = new Uint8Array(1000)
  for (let i = 0; i < TRIPS; i++) {
    const bytes = outer.subarray(0, encodeValue(value, outer))
    assert.deepEqual(decodeValue(bytes), { a: 1, b: { c: [0.5, 'x'] }, d: 2 })
  }
})

test('a getter may change what comes after it', () => {
  const make = (): object => ({ get a(): number { delete (this as { b?: unknown }).b; return 1 }, b: 2, c: 3 }) // prettier-ignore
  for (let i = 0; i < TRIPS; i++) assert.equal(told(trip(make())), told(structuredClone(make())))
})

test('after a getter that throws the next value is sent as any other', () => {
  for (const inner of [{ get x(): never { throw new Error('no') } }]) assert.throws(() => trip([1, 'a', inner]), /no/) // prettier-ignore
  assert.deepEqual(trip([1, 'a', { b: 2 }]), [1, 'a', { b: 2 }])
})

test('typed arrays in an object are copied once, to ArrayBuffers of their own', () => {
  const sent = { a: new Uint8Array(room.buffer, 16, 4).fill(7), name: 'x', b: new Float32Array(3).fill(0.5) }
  const arrived = trip(sent) as typeof sent
  assert.deepEqual(arrived, sent)
  for (const { byteOffset, byteLength, buffer } of [arrived.a, arrived.b]) {
    assert.deepEqual([byteOffset, buffer.byteLength], [0, byteLength])
  }
})

test(`bytes that are no value give one error, and no value has more parts than bytes (seed ${seed})`, () => {
  const changes = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(compact, changes, fc.nat(40), fc.boolean(), (value, changed, cut, isMany) => {
      encodeArguments([value], room)
      const byteLength = encodeArguments(isMany ? [value, 1] : [value], room)
      fc.pre(byteLength > 0)
      const bytes = room.slice(0, Math.max(0, byteLength - (cut > 30 ? cut - 30 : 0)))
      for (const [at, byte] of changed) bytes[at % bytes.length] = byte
      try {
        decodeArguments(bytes)
      } catch (error) {
        assert.equal((error as { code: string }).code, 'internal')
      }
    }),
    { seed, numRuns: 3000 },
  )
})

test('lengths beyond the message are refused before memory is taken for them', () => {
  for (const item of [10, 11, 12, 13, 14, 15, 16, 17, 20]) {
    const bytes = Uint8Array.of(COMPACT, 0, 0, 0, 5, 0, 0, 0, item, 0xff, 0xff, 0xff, 0xff)
    assert.throws(() => decodeValue(bytes), { code: 'internal' })
  }
  const endless = Uint8Array.of(COMPACT, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0)
  assert.throws(() => decodeValue(endless), { code: 'internal' })
})

test('a stream that is nested too deep is refused', () => {
  const levels = 100_000
  const bytes = new Uint8Array(8 + 5 * levels)
  for (let level = 0; level < levels; level++) bytes.set([13, 1, 0, 0, 0], 8 + 5 * level)
  bytes.set([COMPACT, 0, 0, 0], 0)
  new DataView(bytes.buffer).setUint32(4, 5 * levels, true)
  assert.throws(() => decodeValue(bytes), { code: 'internal' })
})

test('nothing of a value is held once it is encoded', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = ((): WeakRef<object>[] => {
    const parts = Array.from({ length: 20 }, (_, i) => ({ part: i, bytes: new Uint8Array(8) }))
    trip(parts)
    return parts.flatMap((part) => [new WeakRef(part), new WeakRef(part.bytes)])
  })()
  trip({ a: 1 })
  // A WeakRef holds what it was made for until the running job is over.
  await new Promise(setImmediate)
  collect()
  assert.deepEqual(held.filter((ref) => ref.deref() !== undefined), []) // prettier-ignore
})
