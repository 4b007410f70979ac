import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readArguments } from './arguments.ts'
import { SEED_MAX } from './portfolio.ts'

test('readArguments has a portfolio of our own and another seed each time by default', () => {
  const first = readArguments([])
  const { input, options, json, help } = first
  assert.deepEqual({ input, options, json, help }, { input: null, options: 2_000_000, json: false, help: false })
  assert.ok(Number.isInteger(first.seed) && first.seed >= 0 && first.seed <= SEED_MAX)
  assert.notEqual(new Set(Array.from({ length: 8 }, () => readArguments([]).seed)).size, 1)
})

test('readArguments reads what is given', () => {
  const own = readArguments(['--options', '2000', '--seed=7', '--json'])
  assert.deepEqual(own, { input: null, options: 2_000, seed: 7, report: null, json: true, help: false })
  assert.equal(readArguments(['--input', 'a file.txt']).input, 'a file.txt')
  assert.equal(readArguments(['--help']).help, true)
})

test('readArguments has a page by default for a person, and with --json only where it is asked for', () => {
  assert.match(readArguments([]).report!, /report\.html$/)
  assert.equal(readArguments(['--json']).report, null)
  assert.equal(readArguments(['--json', '--report', 'a.html']).report, 'a.html')
})

for (const [args, says] of [
  [['--seed', 'x'], /--seed is "x", must be a whole number; --help tells more$/],
  [['--options', '-2'], /--options/],
  [['--options', ''], /--options is "", must be a whole number/],
  [['--input'], /'--input <value>' argument missing/],
  [['--verbose'], /Unknown option '--verbose'; --help/],
  [['file.txt'], /Unexpected argument 'file\.txt'/],
  [['--input', 'f', '--seed', '1'], /do not go with --input/],
] as const) {
  test(`readArguments refuses ${args.join(' ')} in one sentence`, () => {
    assert.throws(() => readArguments(args), { code: 'invalid_argument', message: says })
    assert.throws(() => readArguments(args), { message: /^[^\n]*$/ })
  })
}
