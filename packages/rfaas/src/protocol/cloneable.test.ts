/** What the codec sends and refuses, compared with structuredClone. */
import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'

import fc from 'fast-check'

import { VALUE_DEPTH_MAX } from './limits.ts'
import { NASTY } from '../test-thrown.ts'
import { decodeValue, encodeValue, NotCloneableError } from './codec.ts'

const seed = Date.now() & 0x7fffffff
const room = new Uint8Array(4 * 2 ** 20)
const trip = (value: unknown): unknown => decodeValue(room.subarray(0, encodeValue(value, room)))

class Point {
  readonly x = 1
  readonly inner: unknown
  constructor(inner: unknown) {
    this.inner = inner
  }
}
class Queue extends Array<unknown> {}
class Index extends Map<unknown, unknown> {}

const leaf = fc.oneof(
  fc.anything({
    ...{ maxDepth: 3, withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withSet: true },
    ...{ withNullPrototype: true, withObjectString: true, withSparseArray: true, withTypedArray: true },
  }),
  fc
    .constantFrom<() => unknown>(
      () => /a+/gi,
      () => Object(5n) as unknown,
      () => new ArrayBuffer(7),
      () => new ArrayBuffer(7, { maxByteLength: 20 }),
      () => new DataView(new ArrayBuffer(40), 3, 8),
      () => new TypeError('wrong', { cause: { a: 1 } }),
      () => new (class extends Error {})('own class'),
      () => Object.assign(['named'], { groups: { a: 1 } }),
      () => Object.assign(new Array(200).fill(7), { groups: new Map([[1, 2]]) }),
      () => vm.runInNewContext('({ elsewhere: [1, new Map([[1, new Date(0)]])] })') as unknown,
      () => 'abc'.match(/(?<b>b)/),
      () => Object.create({ inherited: 1 }, { own: { enumerable: true, value: 2 }, hidden: { value: 3 } }) as unknown,
    )
    .map((make) => make()),
)
/** A tree of all that can be cloned, in which some objects occur twice. */
const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('node'), { maxKeys: 4 }),
    fc.tuple(tie('node')).map(([inner]) => new Point(inner)),
    fc.tuple(tie('node')).map(([inner]) => [inner, { again: inner }]),
    fc.array(fc.tuple(tie('node'), tie('node')), { maxLength: 3 }).map((pairs) => new Index(pairs)),
    fc.array(tie('node'), { maxLength: 3 }).map((members) => new Set(members)),
    fc.array(tie('node'), { maxLength: 3 }).map((members) => Queue.from(members)),
  ),
})).node

test(`what arrives is what structuredClone gives (seed ${seed})`, () => {
  fc.assert(
    fc.property(tree, (value) => {
      let expected: unknown
      try {
        expected = structuredClone(value)
      } catch {
        assert.throws(() => trip(value), NotCloneableError)
        return
      }
      assert.deepEqual(trip(value), expected)
    }),
    { seed, numRuns: 1000 },
  )
})

test('cycles and shared objects arrive as such', () => {
  const value: Record<string, unknown> = { list: [] }
  value.self = value
  value.list = [value, new Map([[value, new Set([value])]])]
  const clone = trip(value) as typeof value
  assert.deepEqual(clone, structuredClone(value))
  assert.equal(clone.self, clone)
  // 2 to the power of 60 ways lead to the innermost object.
  let shared: unknown = { x: 1 }
  for (let i = 0; i < 60; i++) shared = [shared, shared]
  const [left, right] = trip(shared) as unknown[]
  assert.equal(left, right)
})

test('an array with billions of holes is not walked hole by hole', () => {
  const holes: unknown[] = []
  holes[4_000_000_000] = { a: 1 }
  assert.equal((trip({ holes }) as { holes: unknown[] }).holes.length, 4_000_000_001)
})

const VIEWS: ArrayBufferView[] = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array].map(
    (View) => new View(new ArrayBuffer(64), 8, 3).fill(7) as ArrayBufferView,
  ),
  ...[Float32Array, Float64Array].map((View) => new View(new ArrayBuffer(64), 8, 3).fill(0.5) as ArrayBufferView),
  ...[BigInt64Array, BigUint64Array].map((View) => new View(new ArrayBuffer(64), 8, 3).fill(7n) as ArrayBufferView),
  new (globalThis as unknown as { Float16Array: Float32ArrayConstructor }).Float16Array(new ArrayBuffer(64), 8, 3).fill(
    0.5,
  ),
  new DataView(new ArrayBuffer(64), 8, 24),
  Buffer.from('from a pool'),
  new Uint8Array(new SharedArrayBuffer(64), 8, 3),
  new Uint8Array(0),
]

for (const view of VIEWS) {
  test(`a ${view.constructor.name} of ${view.byteLength} bytes has an ArrayBuffer of its own`, () => {
    for (const arrived of [
      trip({ a: 'before', view, b: 'after' }) as { view: ArrayBufferView },
      { view: trip(view) as ArrayBufferView },
    ]) {
      assert.equal(Object.getPrototypeOf(arrived.view), Object.getPrototypeOf(view))
      assert.ok(arrived.view.buffer instanceof ArrayBuffer)
      assert.equal(arrived.view.byteOffset, 0)
      assert.equal(arrived.view.buffer.byteLength, view.byteLength)
      assert.ok(Buffer.from(arrived.view.buffer).equals(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)))
    }
  })
}

test('a view of a detached buffer is refused, as structuredClone refuses it', () => {
  const view = new Uint8Array(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  assert.throws(() => trip({ view }), NotCloneableError)
})

const form = new FormData()
form.set('a', '1')
const { Module } = (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } }).WebAssembly
/** V8 makes `{}` of most of these. */
const REFUSED: [what: string, value: unknown][] = [
  ['a URL', new URL('http://example.org/path?x=1')],
  ['a URLSearchParams', new URLSearchParams('x=1')],
  ['a Headers', new Headers({ x: '1' })],
  ['a Request', new Request('http://example.org')],
  ['a Response', new Response('text')],
  ['a FormData', form],
  ['a Blob', new Blob(['text'])],
  ['a ReadableStream', new ReadableStream()],
  ['a Module', new Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))],
  ['a MessagePort', new MessageChannel().port1],
  ['a SecretKeyObject', createSecretKey(Buffer.alloc(8))],
  ['a DOMException', new DOMException('x')],
  ['a SharedArrayBuffer', new SharedArrayBuffer(8)],
  ['a WeakMap', new WeakMap()],
  ['a WeakRef', new WeakRef({})],
  ['a Promise', Promise.resolve()],
  ['a Proxy', new Proxy({}, {})],
  ['a function (f)', function f() {}],
  ['Symbol(s)', Symbol('s')],
]

for (const [what, value] of REFUSED) {
  test(`refuses ${what}, and names it and where it is`, () => {
    const sentence = (path: string): { message: string } => ({ message: `${path} is ${what}, which cannot be cloned` })
    for (const [where, path] of [
      [value, 'value'],
      [{ items: [1, 2, { 'a-b': value }] }, `value.items[2]['a-b']`],
      [new Map([['key', value]]), `value.get('key')`],
      [new Set([new Point(value)]), 'value<a member>.inner'],
      [new Error('x', { cause: value }), 'value.cause'],
      [Object.assign(['one'], { named: value }), 'value.named'],
      [Object.assign(new Array(100).fill('one'), { named: value }), 'value.named'],
    ] as const)
      assert.throws(() => trip(where), sentence(path))
  })
}

test('an instance made without its constructor does not vouch for the others of its class', () => {
  assert.deepEqual(trip(Object.create(URL.prototype)), {})
  assert.throws(() => trip(new URL('http://example.org')), NotCloneableError)
})

test('what a getter throws is the cause', () => {
  const thrown = new Error('from a getter')
  const value = { get x(): never { throw thrown } } // prettier-ignore
  assert.throws(() => trip(value), { message: 'value cannot be cloned: from a getter', cause: thrown })
})

for (const [what, value] of NASTY) {
  test(`sends ${what}, or throws one kind of error`, () => {
    try {
      if (encodeValue(value, room) > 0) trip(value)
    } catch (error) {
      assert.ok(error instanceof NotCloneableError, String(error))
    }
  })
}

/** One level more around a value. */
const AROUND: Record<string, (inner: unknown) => unknown> = {
  object: (inner) => ({ inner }),
  array: (inner) => [inner],
  'map value': (inner) => new Map([[1, inner]]),
  'map key': (inner) => new Map([[inner, 1]]),
  set: (inner) => new Set([inner]),
  cause: (inner) => new Error('x', { cause: inner }),
  instance: (inner) => new Point(inner),
  'sparse array': (inner) => Object.assign([], { 5000: inner }),
}
const nested = (around: (inner: unknown) => unknown, depth: number): unknown =>
  Array.from({ length: depth }).reduce((inner) => around(inner), undefined)

for (const [kind, around] of Object.entries(AROUND)) {
  test(`${kind} in ${kind}: the deepest that is sent can be read, a deeper one is refused`, () => {
    assert.ok(trip(nested(around, VALUE_DEPTH_MAX)))
    const deeper = nested(around, VALUE_DEPTH_MAX + 1)
    assert.throws(() => trip(deeper), { message: /^value.*….* is nested deeper than 1000 levels$/ })
    const deepest = nested(around, VALUE_DEPTH_MAX + 500)
    assert.throws(() => trip(deepest), NotCloneableError)
    // Also when the same object occurs twice.
    assert.throws(() => trip([deeper, deeper]), NotCloneableError)
  })
}

test('the deepest values can be read in a worker thread of the default stack', async () => {
  const encoded = Object.values(AROUND).map((around) => {
    return room.slice(0, encodeValue(nested(around, VALUE_DEPTH_MAX), room))
  })
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.codec).then(({ decodeValue }) => {
      parentPort.postMessage(workerData.encoded.map((bytes) => typeof decodeValue(bytes)))
    })`
  const codec = new URL('./codec.ts', import.meta.url).href
  const worker = new Worker(source, { eval: true, workerData: { codec, encoded } })
  const kinds = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  assert.deepEqual(
    kinds,
    encoded.map(() => 'object'),
  )
  await worker.terminate()
})
