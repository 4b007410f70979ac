import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { RfaasError } from '../errors.ts'
import { NASTY } from '../test-thrown.ts'
import { exitCodeOf, firstOf, fromText, Interrupted, sentenceOf, stackOf, UsageError } from './exit.ts'

test('sentenceOf gives one line with the code at its end', () => {
  const lost = new RfaasError('executor_lost', 'The executor of lease 7 ended:\n  signal SIGKILL')
  assert.equal(sentenceOf(lost), 'The executor of lease 7 ended: signal SIGKILL [executor_lost]')
  assert.equal(sentenceOf(new RfaasError('invalid_argument', 'There is no file x')), 'There is no file x')
  const system = Object.assign(new Error('ENOENT: no such file or directory, open x'), { code: 'ENOENT' })
  assert.equal(sentenceOf(system), 'no such file or directory, open x [ENOENT]')
  assert.equal(sentenceOf('thrown text'), 'thrown text')
  assert.equal(sentenceOf(new TypeError()), 'TypeError')
})

test('sentenceOf shows of a stack only where it begins', () => {
  const frames = '\n    at <anonymous> (/home/a b/load.ts:1:7)\n    at async loadFunctions (/x/executor/load.ts:19:16)'
  const failed = new RfaasError('module_failed', `Cannot load the functions: no such table${frames}`)
  assert.equal(sentenceOf(failed), 'Cannot load the functions: no such table (/home/a b/load.ts:1:7) [module_failed]')
  const internal = new RfaasError('module_failed', 'Cannot find module x\n    at resolve (node:internal/modules:27:1)')
  assert.equal(sentenceOf(internal), 'Cannot find module x [module_failed]')
})

test('sentenceOf advises where it is asked to and knows what', () => {
  const away = new RfaasError('manager_unreachable', 'Cannot reach x')
  assert.equal(sentenceOf(away), 'Cannot reach x [manager_unreachable]')
  assert.match(sentenceOf(away, { advise: true }), /^Cannot reach x; .*rfaas up.* \[manager_unreachable\]$/)
  const lost = new RfaasError('executor_lost', 'Gone')
  assert.equal(sentenceOf(lost, { advise: true }), 'Gone [executor_lost]')
})

test('exitCodeOf tells bad usage, interruption and failure apart', () => {
  assert.equal(exitCodeOf(new UsageError('x')), 2)
  assert.equal(exitCodeOf(new Interrupted('x')), 130)
  assert.equal(exitCodeOf(new RfaasError('lease_denied', 'x')), 1)
  assert.equal(exitCodeOf(null), 1)
})

test('fromText makes what a parser refuses bad usage', () => {
  const parse = fromText((text: string, what: string) => {
    if (text !== '1') throw new RfaasError('invalid_argument', `Cannot read ${what}: ${text}`)
    return 1
  }, '--cores')
  assert.equal(parse('1'), 1)
  assert.throws(() => parse('x'), { constructor: UsageError, message: 'Cannot read --cores: x' })
})

test('stackOf follows the causes', () => {
  const text = stackOf(new RfaasError('internal', 'outer', { cause: new Error('inner') }))
  assert.match(text, /internal: outer\n +at .*\n(.*\n)*Caused by: Error: inner\n +at /)
})

test('stackOf and sentenceOf take whatever a function has thrown', () => {
  for (const [what, thrown] of NASTY) {
    assert.equal(typeof stackOf(new RfaasError('function_failed', 'outer', { cause: thrown })), 'string', what)
    assert.equal(typeof sentenceOf(thrown), 'string', what)
  }
})

test('firstOf gives what went wrong before cleaning up failed too', async () => {
  const failing = (sentence: string) => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error(sentence)) })
  const both = async (): Promise<void> => {
    await using _outer = failing('closing the cluster')
    await using _inner = failing('releasing')
    throw new Interrupted('stopped')
  }
  await assert.rejects(both, (error) => {
    assert.equal(exitCodeOf(firstOf(error)), 130)
    assert.match(stackOf(error), /^Error: stopped\n(.*\n)*Then, while cleaning up: Error: releasing\n/)
    return true
  })
  assert.equal(firstOf('x'), 'x')
})
