import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { parseLabel, parseResource } from './traits.ts'

const refusal = (sentence: string) => ({ code: 'invalid_argument', message: `invalid_argument: ${sentence}` })
const NAMES = 'must be 1 to 64 letters, digits or . _ -, the first a letter or a digit'

test('parseLabel takes a name and a value', () => {
  assert.deepEqual(parseLabel('zone=a', 'x'), ['zone', 'a'])
  assert.deepEqual(parseLabel('cpu.model=epyc-7B13', 'x'), ['cpu.model', 'epyc-7B13'])
  const refused: [string, string][] = [
    ['zone', '"zone" is not NAME=VALUE'],
    ['=a', '"=a" is not NAME=VALUE'],
    ['zone=', `the value of label zone is "", ${NAMES}`],
    ['zone=a=b', `the value of label zone is "a=b", ${NAMES}`],
    ['_zone=a', `a label is "_zone", ${NAMES}`],
  ]
  for (const [text, sentence] of refused) {
    assert.throws(() => parseLabel(text, '--label'), refusal(`Cannot read --label: ${sentence}`))
  }
})

test('parseResource takes a name and how many', () => {
  assert.deepEqual(parseResource('gpu=2', 'x'), ['gpu', 2])
  const refused: [string, string][] = [
    ['gpu', '"gpu" is not NAME=NUMBER'],
    ['gpu=', 'gpu is "", not a whole number'],
    ['gpu=0x2', 'gpu is "0x2", not a whole number'],
    ['gpu=0', 'resource gpu is 0, must be a whole number from 1 to 4096'],
    ['gpu=9999', 'resource gpu is 9999, must be a whole number from 1 to 4096'],
    ['g/u=1', `a resource is "g/u", ${NAMES}`],
  ]
  for (const [text, sentence] of refused) {
    assert.throws(() => parseResource(text, '--resource'), refusal(`Cannot read --resource: ${sentence}`))
  }
})
