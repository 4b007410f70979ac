import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { UsageError } from '../exit.ts'
import { argumentsOf, readInput } from './input.ts'
import { latenciesOf } from './latencies.ts'
import { jsonOf } from './result.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

test('argumentsOf gives a raw function the bytes as they are', () => {
  assert.deepEqual(argumentsOf(bytes('{"a"'), true, { data: '{"a"' }), [bytes('{"a"')])
  assert.deepEqual(argumentsOf(null, true, {}), [new Uint8Array(0)])
  assert.throws(() => argumentsOf(bytes('[]'), true, { data: '[]', args: true }), UsageError)
})

test('argumentsOf reads JSON for a typed function: one argument, or with --args each of an array', () => {
  assert.deepEqual(argumentsOf(bytes('[1, 2]'), false, { data: '[1, 2]' }), [[1, 2]])
  assert.deepEqual(argumentsOf(bytes('[1, 2]'), false, { data: '[1, 2]', args: true }), [1, 2])
  assert.deepEqual(argumentsOf(null, false, {}), [])
})

test('argumentsOf refuses what is not JSON, with the text in the sentence', () => {
  assert.throws(() => argumentsOf(bytes('hello'), false, { data: 'hello' }), {
    constructor: UsageError,
    message: 'Cannot read --data: a typed function takes JSON, this is hello',
  })
  assert.throws(() => argumentsOf(bytes(''), false, { file: 'x.json' }), /^Error: Cannot read --file x\.json: /)
  assert.throws(() => argumentsOf(bytes('{"a":1}'), false, { data: '{"a":1}', args: true }), {
    message: 'Cannot read --data: with --args it must be a JSON array, it is {"a":1}',
  })
})

test('readInput names the file that it cannot read', async () => {
  await assert.rejects(readInput({ file: '/no/such/file' }), /Cannot read the input: .*\/no\/such\/file/)
  assert.equal(await readInput({}), null)
  assert.deepEqual(await readInput({ data: 'é' }), Buffer.from('é'))
})

test('jsonOf writes what JSON does not have as what comes closest', () => {
  assert.equal(jsonOf(undefined), 'null')
  assert.equal(jsonOf({ a: 1n, b: new Float64Array([1.5]), c: undefined }), '{"a":"1","b":[1.5]}')
  assert.equal(jsonOf([new Map([[1, 2n]]), new Set(['x']), new Uint8Array([7]).buffer]), '[[[1,"2"]],["x"],[7]]')
  assert.equal(jsonOf(new Uint8Array([1, 2])), '[1,2]')
  assert.equal(jsonOf({ b: Buffer.from([1, 2]) }), '{"b":[1,2]}')
})

test('latenciesOf gives values that were measured', () => {
  const samples = Float64Array.from({ length: 200 }, (_, index) => 200 - index)
  assert.deepEqual(latenciesOf(samples), { count: 200, firstNs: 200, medianNs: 100, p99Ns: 198 })
  assert.deepEqual(latenciesOf(new Float64Array([7])), { count: 1, firstNs: 7, medianNs: 7, p99Ns: 7 })
})
