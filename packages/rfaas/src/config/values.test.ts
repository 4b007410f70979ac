import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { parseName, parseNames } from './names.ts'
import { parsePairs } from './pairs.ts'
import { parseTenants } from './tenants.ts'
import { parseManagerUrl } from './url.ts'
import { parseCores, parsePort, parseWhole } from './whole.ts'

const refusal = (sentence: string) => ({ code: 'invalid_argument', message: `invalid_argument: ${sentence}` })

test('parseWhole takes decimal digits within the bounds', () => {
  assert.equal(parseWhole('7', 'x', { min: 1, max: 7 }), 7)
  for (const text of ['0', '8', '-1', '1.5', 'NaN', '', '0x2', '1e0', ' 2']) {
    const sentence = `Cannot read --n: ${JSON.stringify(text)} is not a whole number from 1 to 7`
    assert.throws(() => parseWhole(text, '--n', { min: 1, max: 7 }), refusal(sentence))
  }
  assert.throws(
    () => parseWhole('0', '--n', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    /not a whole number at least 1$/,
  )
})

test('parseCores and parsePort keep to what cores and ports can be', () => {
  assert.equal(parseCores('2', 'x'), 2)
  assert.throws(() => parseCores('0', '--cores'), /--cores: "0"/)
  assert.equal(parsePort('0', 'x'), 0)
  assert.throws(() => parsePort('65536', '--port'), /--port: "65536" is not a whole number from 0 to 65535/)
})

test('parseNames takes known names, none twice', () => {
  const fabrics = ['local', 'tcp', 'verbs'] as const
  assert.deepEqual(parseNames('tcp, local', 'x', fabrics), ['tcp', 'local'])
  assert.equal(parseName('verbs', 'x', fabrics), 'verbs')
  assert.throws(
    () => parseNames('local,udp', '--fabrics', fabrics),
    refusal('Cannot read --fabrics: "udp" is unknown; known are local, tcp, verbs'),
  )
  assert.throws(
    () => parseNames('tcp,tcp', '--fabrics', fabrics),
    refusal('Cannot read --fabrics: "tcp,tcp" names tcp twice'),
  )
  assert.throws(() => parseNames('', '--fabrics', fabrics), /"" is unknown/)
})

test('parseTenants takes names, none empty', () => {
  assert.deepEqual(parseTenants('vision, finance', 'x'), ['vision', 'finance'])
  for (const text of ['', 'a,,b', ','])
    assert.throws(
      () => parseTenants(text, '--allow-native'),
      /^RfaasError: invalid_argument: Cannot read --allow-native: /,
    )
})

test('parsePairs takes known keys, each once, with numbers from 0', () => {
  const keys = ['perCoreS', 'perGibS'] as const
  assert.deepEqual(parsePairs('perCoreS=0.01, perGibS=2e-3', 'x', keys), { perCoreS: 0.01, perGibS: 0.002 })
  assert.deepEqual(parsePairs('perGibS=0', 'x', keys), { perGibS: 0 })
  const refused = {
    'perCore=1': 'Cannot read --prices: the key "perCore" is unknown; known are perCoreS, perGibS',
    'perCoreS=-1': 'Cannot read --prices: perCoreS is "-1", not a number from 0',
    'perCoreS=NaN': 'Cannot read --prices: perCoreS is "NaN", not a number from 0',
    'perCoreS=1e999': 'Cannot read --prices: perCoreS is "1e999", which is too large',
    'perCoreS=1,perCoreS=2': 'Cannot read --prices: perCoreS is given twice',
    perCoreS: 'Cannot read --prices: "perCoreS" is not KEY=NUMBER',
    '': 'Cannot read --prices: "" is not KEY=NUMBER',
    '__proto__=1': 'Cannot read --prices: the key "__proto__" is unknown; known are perCoreS, perGibS',
  }
  for (const [text, sentence] of Object.entries(refused)) {
    assert.throws(() => parsePairs(text, '--prices', keys), refusal(sentence))
  }
})

test('parseManagerUrl takes scheme, host and port only', () => {
  assert.equal(parseManagerUrl('http://127.0.0.1:7070/', 'x'), 'http://127.0.0.1:7070')
  assert.equal(parseManagerUrl('http://[::1]:7070', 'x'), 'http://[::1]:7070')
  const refused = {
    '127.0.0.1': 'is not a URL',
    'localhost:7070': 'does not begin with http://',
    'https://host:1': 'does not begin with http://',
    'http://a:b@host:1': 'carries a user name or password',
    'http://host:1/api': 'says more than host and port',
  }
  for (const [text, reason] of Object.entries(refused)) {
    const sentence = `Cannot read --manager: "${text}" ${reason}; a manager's URL looks like http://127.0.0.1:7070`
    assert.throws(() => parseManagerUrl(text, '--manager'), refusal(sentence))
  }
})
