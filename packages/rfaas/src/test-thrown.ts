import vm from 'node:vm'

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function refuse(): never {
  throw new Error('from a getter')
}

/** A Proxy whose traps all throw. */
const hostileProxy = (target: object): object =>
  new Proxy(target, {
    get: refuse,
    getPrototypeOf: refuse,
    has: refuse,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
  })

const withGetter = (key: string, get: () => unknown): Error => Object.defineProperty(new Error('x'), key, { get })

const ITSELF: Error & { self?: unknown } = new Error('in a circle')
ITSELF.cause = ITSELF
ITSELF.self = ITSELF

/** Errors without a stack, because recording so many takes a second. */
function manyErrors(count: number): Error[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const errors = Array.from({ length: count }, () => new Error('one of many'))
  Error.stackTraceLimit = limit
  return errors
}

/** For tests: values that a function may throw, and that careless code cannot print or read. */
export const NASTY: readonly (readonly [what: string, thrown: unknown])[] = [
  ['an object without a prototype', Object.create(null)],
  ['an object whose toString throws', { toString: refuse }],
  ['an object whose toString is no function', { toString: 5, valueOf: 6 }],
  ['an object with Symbol.toPrimitive', { [Symbol.toPrimitive]: refuse }],
  ['an object with a custom inspect', { [Symbol.for('nodejs.util.inspect.custom')]: refuse }],
  ['an error whose message is an object', Object.assign(new Error(), { message: { code: 'E_QUOTA', left: 0 } })],
  ['an error whose message has no prototype', Object.assign(new Error(), { message: Object.create(null) as unknown })],
  ['an error whose name is a bigint', Object.assign(new Error('x'), { name: 429n })],
  ['an error whose name is a symbol', Object.assign(new Error('x'), { name: Symbol('name') })],
  ['an error without a prototype', Object.setPrototypeOf(new Error('x'), null)],
  ...['message', 'name', 'stack', 'cause', 'errors', 'constructor', 'code', 'then', 'toString'].map(
    (key) => [`an error whose ${key} getter throws`, withGetter(key, refuse)] as const,
  ),
  [
    'an error whose own field cannot be read',
    Object.defineProperty(new Error('x'), 'code', { enumerable: true, get: refuse }),
  ],
  ['an error with a huge stack', Object.assign(new Error('x'), { stack: 'at f ()\n'.repeat(1_000_000) })],
  ['an error with a huge message', new Error('é'.repeat(3_000_000))],
  ['an error with a huge name', Object.assign(new Error('x'), { name: 'N'.repeat(3_000_000) })],
  ['an error with a stack that is no text', Object.assign(new Error('x'), { stack: [] })],
  ['an error that is its own cause', ITSELF],
  ['an AggregateError of itself', Object.assign(new AggregateError([]), { errors: [ITSELF, ITSELF] })],
  ['an AggregateError of very many', new AggregateError(manyErrors(100_000))],
  [
    'an error with very many fields',
    Object.assign(new Error('x'), Object.fromEntries(Object.entries('y'.repeat(50_000)))),
  ],
  ['a long chain of causes', Array.from({ length: 5_000 }).reduce((cause) => new Error('link', { cause }), undefined)],
  [
    'an error with fields that cannot be cloned',
    Object.assign(new Error('x'), { f: refuse, s: Symbol('s'), code: 'KEPT' }),
  ],
  ['a Proxy', new Proxy({}, {})],
  ['a Proxy of an error', new Proxy(new Error('x'), {})],
  ['a Proxy whose traps throw', hostileProxy({})],
  ['a Proxy of an error whose traps throw', hostileProxy(new Error('x'))],
  ['a revoked Proxy', revokedProxy()],
  ['an error whose cause is a revoked Proxy', new Error('x', { cause: revokedProxy() })],
  ['a symbol', Symbol('s')],
  ['a function', refuse],
  ['a class', class Thrown {}],
  ['a bigint', 5n],
  ['undefined', undefined],
  ['null', null],
  ['an empty text', ''],
  ['an error of another realm', vm.runInNewContext('new RangeError("elsewhere")')],
  ['an object of another realm', vm.runInNewContext('({ a: 1 })')],
  ['a promise', Promise.resolve(1)],
  ['a DOMException', new DOMException('too late', 'AbortError')],
  ['a URL', new URL('http://example.org')],
  ['a WeakMap', new WeakMap()],
  ['bytes in shared memory', new Uint8Array(new SharedArrayBuffer(8))],
]
