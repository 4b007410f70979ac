import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { parseDurationMs, parseHotTimeout } from './duration.ts'
import { parseQuantity } from './quantity.ts'
import { parseMemoryMib, parseSizeBytes } from './size.ts'
import fc from 'fast-check'

const refusal = (sentence: string) => ({ code: 'invalid_argument', message: `invalid_argument: ${sentence}` })

test('parseDurationMs reads durations as people write them', () => {
  const written = { '250us': 0.25, '10ms': 10, '1.5s': 1500, '5 s': 5000, ' 5m ': 300_000, '2h': 7_200_000, '0': 0 }
  for (const [text, ms] of Object.entries(written)) assert.equal(parseDurationMs(text, 'x'), ms, text)
})

test('parseDurationMs refuses with the actual value in the sentence', () => {
  const units = 'us, ms, s, m, h'
  const refused = {
    '10': 'Cannot read --wait: "10" has no unit; write one of 10us, 10ms, 10s, 10m, 10h',
    '5d': `Cannot read --wait: "5d" has the unknown unit "d"; known are ${units}`,
    '5S': `Cannot read --wait: "5S" has the unknown unit "S"; known are ${units}`,
    '5constructor': `Cannot read --wait: "5constructor" has the unknown unit "constructor"; known are ${units}`,
    '99999999999999h': 'Cannot read --wait: "99999999999999h" is too large',
  }
  for (const [text, sentence] of Object.entries(refused)) {
    assert.throws(() => parseDurationMs(text, '--wait'), refusal(sentence))
  }
  for (const text of [
    '',
    ' ',
    '-5s',
    '+5s',
    'NaN',
    'NaNs',
    'Infinity',
    '1e3s',
    '0x10s',
    '.5s',
    '5.s',
    's',
    '1h30m',
    '1,5s',
  ]) {
    const sentence = `Cannot read --wait: ${JSON.stringify(text)} is not a number with a unit, such as 5ms`
    assert.throws(() => parseDurationMs(text, '--wait'), refusal(sentence), text)
  }
})

test('parseHotTimeout also takes always and never', () => {
  assert.equal(parseHotTimeout('always', 'x'), 'always')
  assert.equal(parseHotTimeout('never', 'x'), 'never')
  assert.equal(parseHotTimeout('10ms', 'x'), 10)
  assert.throws(() => parseHotTimeout('sometimes', 'x'), /"sometimes" is not a number with a unit/)
})

test('parseSizeBytes reads binary and decimal sizes, in whole bytes', () => {
  const written = { '4096B': 4096, '64KiB': 65_536, '1.5GiB': 1_610_612_736, '100MB': 100_000_000, '0': 0 }
  for (const [text, bytes] of Object.entries(written)) assert.equal(parseSizeBytes(text, 'x'), bytes, text)
  assert.throws(
    () => parseSizeBytes('0.5B', '--payload'),
    refusal('Cannot read --payload: "0.5B" is not a whole number of bytes'),
  )
  assert.throws(() => parseSizeBytes('512M', '--payload'), /has the unknown unit "M"; known are B, KiB, MiB/)
})

test('parseMemoryMib reads a plain number as MiB', () => {
  assert.equal(parseMemoryMib('512', 'x'), 512)
  assert.equal(parseMemoryMib('2GiB', 'x'), 2048)
  for (const text of ['0', '100KiB', '1.5MiB', '99999999999999999999']) {
    const sentence = `Cannot read --memory-mib: "${text}" is not a whole number of MiB, at least 1`
    assert.throws(() => parseMemoryMib(text, '--memory-mib'), refusal(sentence))
  }
})

test('parseQuantity gives an amount from 0 or refuses, whatever the text', () => {
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.double(), fc.constantFrom('a', 'bb', '', 'c')).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (text) => {
      let amount: number
      try {
        amount = parseQuantity(text, 'it', { a: 1, bb: 1000 })
      } catch (error) {
        assert.match(String(error), /invalid_argument: Cannot read it: /)
        return
      }
      assert.ok(Number.isFinite(amount) && amount >= 0, `${text} → ${amount}`)
    }),
  )
})
