import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'

import fc from 'fast-check'

import { checkLeaseOptions } from './lease-options.ts'
import type { LeaseOptions } from '../types.ts'

const functions = './pricing.ts'
const SIGNAL = new AbortController().signal

test('checkLeaseOptions fills in the documented defaults', () => {
  const { isIdempotent, ...checked } = checkLeaseOptions({ functions })
  assert.equal(isIdempotent('any'), false)
  assert.deepEqual(checked, {
    functions,
    kind: 'functions',
    external: [],
    files: [],
    env: {},
    setup: null,
    output: null,
    cores: 1,
    coresMin: 1,
    nodes: 1,
    memoryMib: 512,
    resources: {},
    labels: {},
    policy: 'pack',
    durationMs: 60_000,
    hotTimeoutMs: 10,
    keepWarmMs: 0,
    abandonGraceMs: 1000,
    slots: 4,
    payloadBytesMax: 2 ** 20,
    payloadsGrow: true,
    queueMax: 1024,
    spinUs: 20,
    waitMs: 0,
    priority: 0,
    preempt: false,
    replace: false,
    nodeId: '',
    fabric: undefined,
    signal: undefined,
  })
})

test('checkLeaseOptions writes hotTimeoutMs as it travels', () => {
  const hot = (hotTimeoutMs: LeaseOptions['hotTimeoutMs'] & {}) => checkLeaseOptions({ functions, hotTimeoutMs })
  assert.equal(hot('always').hotTimeoutMs, -1)
  assert.equal(hot('never').hotTimeoutMs, 0)
  assert.equal(hot(0).hotTimeoutMs, 0)
  assert.equal(hot(0.25).hotTimeoutMs, 0.25)
})

test('checkLeaseOptions: memory that is not given is enough for the slots of all workers, and 256 MiB beside', () => {
  const memoryMib = (options: Partial<LeaseOptions>): number => checkLeaseOptions({ functions, ...options }).memoryMib
  assert.equal(memoryMib({ slots: 1, payloadBytesMax: 100 * 2 ** 20 }), 512)
  assert.equal(memoryMib({ slots: 1, payloadBytesMax: 2 ** 30 }), 2049 + 256)
  assert.equal(memoryMib({ slots: 1, payloadBytesMax: 2 ** 30, cores: 3 }), 3 * 2048 + 1 + 256)
})

test('checkLeaseOptions: memory that does not hold the slots of all workers is refused, with what they take', () => {
  const options = { functions, cores: 2, slots: 8, payloadBytesMax: 2 ** 24 }
  assert.equal(checkLeaseOptions({ ...options, memoryMib: 513 }).memoryMib, 513)
  assert.throws(() => checkLeaseOptions({ ...options, memoryMib: 512 }), {
    code: 'invalid_argument',
    message:
      'invalid_argument: Cannot lease: 8 slots of 16777216 bytes each way for each of 2 workers are 513 MiB, memoryMib is 512',
  })
})

test('checkLeaseOptions keeps what it was given, also at the edges', () => {
  const url = new URL('file:///somewhere/pricing.ts')
  const placement = { resources: { gpu: 1 }, labels: { zone: 'a' }, policy: 'spread' } as const
  const least = {
    ...placement,
    functions: url,
    kind: 'lambda' as const,
    cores: 2,
    coresMin: 1,
    nodes: 64,
    memoryMib: 1,
    slots: 1,
    payloadBytesMax: 1,
    queueMax: 0,
    spinUs: 0,
    keepWarmMs: 0.5,
    abandonGraceMs: Infinity,
    external: ['sharp', '@it/addon'],
    files: ['models/*.onnx'],
    env: { LEVEL: 'debug', Empty_1: '' },
    setup: () => {},
    output: () => {},
  }
  const { isIdempotent, ...checked } = checkLeaseOptions({
    ...{
      ...least,
      priority: 1000,
      waitMs: 1,
      preempt: true,
      nodeId: 'a',
      fabric: 'verbs',
      signal: SIGNAL,
      replace: true,
      idempotent: ['price'],
    },
  })
  assert.deepEqual([isIdempotent('price'), isIdempotent('other')], [true, false])
  assert.equal(checkLeaseOptions({ functions, idempotent: true }).isIdempotent('any'), true)
  assert.deepEqual(checked, {
    ...least,
    payloadsGrow: false,
    durationMs: 60_000,
    hotTimeoutMs: 10,
    waitMs: 1,
    priority: 1000,
    preempt: true,
    replace: true,
    nodeId: 'a',
    fabric: 'verbs',
    signal: SIGNAL,
  })
})

test('checkLeaseOptions refuses what no node can have, and policies that nobody knows', () => {
  const refused: [object, string][] = [
    [{ resources: [1] }, 'resources must be an object, not [ 1 ]'],
    [{ resources: { gpu: 1.5 } }, 'resource gpu is 1.5, must be a whole number from 1 to 4096'],
    [{ resources: { gpu: '1' } }, 'resource gpu is "1", must be a whole number from 1 to 4096'],
    [{ labels: null }, 'labels must be an object, not null'],
    [
      { labels: { zone: 7 } },
      'the value of label zone is 7, must be 1 to 64 letters, digits or . _ -, the first a letter or a digit',
    ],
    [{ policy: 'random' }, 'policy must be pack or spread, not "random"'],
  ]
  for (const [options, reason] of refused) {
    assert.throws(() => checkLeaseOptions({ functions, ...options }), {
      code: 'invalid_argument',
      message: `invalid_argument: Cannot lease: ${reason}`,
    })
  }
})

const seed = Date.now() & 0x7fffffff
test(`checkLeaseOptions: what is no number of the right kind is refused by name (seed ${seed})`, () => {
  const names = ['cores', 'memoryMib', 'durationMs', 'hotTimeoutMs', 'slots', 'payloadBytesMax', 'queueMax', 'spinUs']
  names.push('waitMs', 'priority', 'coresMin', 'nodes')
  const noNumber = fc.oneof(fc.string(), fc.constantFrom(NaN, Infinity, -Infinity, -1, null, true, 1n, {}, []))
  fc.assert(
    fc.property(fc.constantFrom(...names), noNumber, (name, value) => {
      if (name === 'hotTimeoutMs' && (value === 'always' || value === 'never')) return
      if (name === 'queueMax' && value === Infinity) return
      assert.throws(() => checkLeaseOptions({ functions, [name]: value }), {
        code: 'invalid_argument',
        message: new RegExp(`^invalid_argument: Cannot lease: ${name} must be a (whole )?number`),
      })
    }),
    { seed },
  )
})

test('checkLeaseOptions: what is above its largest value is refused with both bounds', () => {
  assert.throws(
    () => checkLeaseOptions({ functions, priority: 1001 }),
    /priority must be a number from 0 to 1000, not 1001/,
  )
  assert.throws(() => checkLeaseOptions({ functions, nodes: 65 }), /nodes must be a number from 1 to 64, not 65/)
  assert.throws(
    () => checkLeaseOptions({ functions, cores: 3, coresMin: 4 }),
    /coresMin must be a number from 1 to 3, not 4/,
  )
  assert.throws(
    () => checkLeaseOptions({ functions, waitMs: 86_400_001 }),
    /waitMs must be a number from 0 to 86400000/,
  )
})

test('checkLeaseOptions refuses a replace, idempotent or preempt of another kind, and room taken without waiting', () => {
  const refuses = (options: object, message: RegExp): void =>
    assert.throws(() => checkLeaseOptions({ functions, ...options }), { code: 'invalid_argument', message })
  refuses({ external: 'sharp' }, /external must be the names of packages, not "sharp"/)
  refuses({ external: ['./a'] }, /external must be the names of packages, not \[ '.\/a' \]/)
  refuses({ files: 'a.txt' }, /files must be paths or patterns, not "a.txt"/)
  refuses({ files: [''] }, /files must be paths or patterns, not \[ '' \]/)
  refuses({ env: 'A=1' }, /env must be an object, not "A=1"/)
  refuses({ env: { A: 1 } }, /env: A must be a string, not 1/)
  refuses({ env: { 'A=B': '' } }, /env: "A=B" is not a name of letters, digits and _/)
  refuses({ env: { RFAAS_X: '' } }, /env: RFAAS_X belongs to rfaas/)
  refuses({ env: { KEY: 'a\0b' } }, /env: KEY has a NUL character/)
  refuses({ env: { KEY: 'é'.repeat(32_768) } }, /env has 65539 bytes of names and values, at most 65536 are allowed/)
  refuses({ replace: 'yes' }, /replace must be true or false, not "yes"/)
  refuses({ preempt: 1 }, /preempt must be true or false, not 1/)
  refuses({ preempt: true }, /preempt needs waitMs/)
  refuses({ idempotent: [1] }, /idempotent must be true, false or the names of functions, not \[ 1 \]/)
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

test('checkLeaseOptions takes a queue without a bound', () => {
  assert.equal(checkLeaseOptions({ functions, queueMax: Infinity }).queueMax, Infinity)
  assert.throws(() => checkLeaseOptions({ functions, queueMax: NaN }), { code: 'invalid_argument' })
})
