import assert from 'node:assert/strict'
import { chmod, mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { readParsecFile, readParsecLines } from './parsec-file.ts'
import { OPTIONS_MAX } from './portfolio.ts'
import { ROW_NUMBERS, readRow, type Option } from './rows.ts'

const GOOD = '42.00 40.00 0.1000 0.00 0.20 0.50 C 0.00 4.759423036851750000'
const GOOD_PUT = '42.00 40.00 0.1000 0.00 0.20 0.50 P 0.00 0.808600016880314000'

const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
const anyRate = fc.double({ min: -1, max: 1, noNaN: true })
const records = fc.record({
  option: fc.record({
    kind: fc.constantFrom('call' as const, 'put' as const),
    spot: positive,
    strike: positive,
    rate: anyRate,
    dividendRate: anyRate,
    volatility: positive,
    years: positive,
  }),
  reference: fc.double({ min: 0, max: 1e6, noNaN: true }),
})

function line({ option, reference }: { option: Option; reference: number }): string {
  const { kind, spot, strike, rate, dividendRate, volatility, years } = option
  return [spot, strike, rate, dividendRate, volatility, years, kind === 'call' ? 'C' : 'P', 0, reference].join(' ')
}

test('readParsecLines gives back every option that was written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(records, { minLength: 1, maxLength: 30 }), async (written) => {
      const portfolio = await readParsecLines([String(written.length), ...written.map(line)], 'memory')
      assert.equal(portfolio.count, written.length)
      assert.equal(portfolio.paired, false)
      const read = written.map((_, index) => ({
        option: readRow(portfolio.rows, index),
        reference: portfolio.references![index],
      }))
      // -0 is written as 0.
      const plain = (values: unknown): unknown => JSON.parse(JSON.stringify(values))
      assert.deepEqual(plain(read), plain(written))
    }),
  )
})

test('readParsecLines names the line that was damaged', async () => {
  const field = fc.integer({ min: 0, max: 8 })
  const letters = fc.stringMatching(/^[A-Za-z]{1,5}$/).filter((word) => word !== 'P' && word !== 'C')
  await fc.assert(
    fc.asyncProperty(
      fc.array(records, { minLength: 1, maxLength: 20 }),
      fc.nat(),
      field,
      letters,
      async (written, where, at, word) => {
        const lines = [String(written.length), ...written.map(line)]
        const damaged = 1 + (where % written.length)
        lines[damaged] = lines[damaged]!.split(' ').with(at, word).join(' ')
        await assert.rejects(readParsecLines(lines, 'f'), (error: Error & { code: string }) => {
          assert.equal(error.code, 'invalid_argument')
          assert.match(error.message, new RegExp(`f: line ${damaged + 1}: .* is "${word}", must be`))
          return true
        })
      },
    ),
  )
})

test('readParsecLines keeps its room to what the file holds, whatever its first line promises', async () => {
  await assert.rejects(readParsecLines([String(OPTIONS_MAX), GOOD], 'f'), /line 3: the file ends after 1 options/)
})

test('readParsecLines grows past its first room', async () => {
  const count = 150_001
  const portfolio = await readParsecLines(
    (function* () {
      yield String(count)
      for (let index = 0; index < count; index++) yield `${index + 1} 40 0.1 0 0.2 0.5 C 0 ${index}`
    })(),
    'f',
  )
  assert.equal(portfolio.rows.length, count * ROW_NUMBERS)
  assert.equal(portfolio.references!.length, count)
  for (const index of [0, 65_535, 65_536, 131_072, 150_000]) {
    assert.equal(readRow(portfolio.rows, index).spot, index + 1)
    assert.equal(portfolio.references![index], index)
  }
})

const BAD: { name: string; lines: string[]; says: RegExp }[] = [
  { name: 'an empty file', lines: [], says: /line 1: the file is empty/ },
  { name: 'a count of 0', lines: ['0'], says: /line 1: the number of options is "0"/ },
  { name: 'a count in letters', lines: ['ten', GOOD], says: /line 1: the number of options is "ten"/ },
  { name: 'a broken count', lines: ['1.5', GOOD], says: /line 1: the number of options is "1\.5"/ },
  { name: 'a count below 0', lines: ['-1', GOOD], says: /line 1: the number of options is "-1"/ },
  { name: 'a count beyond all bounds', lines: ['99999999999999999999', GOOD], says: /from 1 to 20000000/ },
  { name: 'options without a count', lines: [GOOD], says: /line 1: the number of options is "42\.00 .*…"/ },
  {
    name: 'fewer options than counted',
    lines: ['3', GOOD, GOOD_PUT],
    says: /line 4: the file ends after 2 options, the first line says 3/,
  },
  { name: 'more options than counted', lines: ['1', GOOD, GOOD_PUT], says: /line 3: one option too many/ },
  { name: 'a field short', lines: ['1', GOOD.replace(' 0.00', '')], says: /line 2: 8 fields, must be 9: S K r q/ },
  { name: 'a field long', lines: ['1', `${GOOD} 1`], says: /line 2: 10 fields, must be 9/ },
  { name: 'a blank line between', lines: ['2', GOOD, '', GOOD], says: /line 3: blank, must be an option/ },
  {
    name: 'a letter in a number',
    lines: ['1', GOOD.replace('0.20', '0.2o')],
    says: /line 2: vol \(volatility\) is "0\.2o", must be a number/,
  },
  {
    name: 'a hexadecimal number',
    lines: ['1', GOOD.replace('40.00', '0x28')],
    says: /K \(strike price\) is "0x28", must be a number/,
  },
  { name: 'a number beyond float64', lines: ['1', GOOD.replace('40.00', '1e999')], says: /"1e999", must be a number/ },
  {
    name: 'a spot price of 0',
    lines: ['1', GOOD.replace('42.00', '0')],
    says: /S \(spot price\) is "0", must be above 0/,
  },
  {
    name: 'no time left',
    lines: ['1', GOOD.replace('0.50', '-1')],
    says: /T \(years to expiry\) is "-1", must be above 0/,
  },
  { name: 'another kind', lines: ['1', GOOD.replace('C', 'c')], says: /the kind of option is "c", must be P or C/ },
  {
    name: 'dividends',
    lines: ['1', GOOD.replace('C 0.00', 'C 1.00')],
    says: /divs \(dividends\) is "1\.00", only 0 can be priced/,
  },
]

for (const { name, lines, says } of BAD) {
  test(`readParsecLines refuses ${name} in one sentence`, async () => {
    await assert.rejects(readParsecLines(lines, 'f'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'invalid_argument')
      assert.match(error.message, says)
      assert.ok(!error.message.includes('\n'))
      return true
    })
  })
}

test('readParsecFile reads a file with either end of line and blank lines at its end', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'rfaas-parsec-'))
  const file = path.join(folder.path, 'options.txt')
  for (const text of [`2\n${GOOD}\n${GOOD_PUT}`, `2\r\n${GOOD}\r\n${GOOD_PUT}\r\n`, `2\n${GOOD}\n${GOOD_PUT}\n\n \n`]) {
    await writeFile(file, text)
    const portfolio = await readParsecFile(file)
    assert.deepEqual([...portfolio.references!], [4.75942303685175, 0.808600016880314])
    assert.deepEqual(readRow(portfolio.rows, 1), {
      kind: 'put',
      spot: 42,
      strike: 40,
      rate: 0.1,
      dividendRate: 0,
      volatility: 0.2,
      years: 0.5,
    })
  }
})

test('readParsecFile says which file it cannot read, and why', async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'rfaas-parsec-'))
  const missing = path.join(folder.path, 'missing.txt')
  await assert.rejects(readParsecFile(missing), {
    code: 'invalid_argument',
    message: `invalid_argument: Cannot read options from ${missing}: there is no such file`,
  })
  await assert.rejects(readParsecFile(folder.path), { code: 'invalid_argument', message: /: it is a directory$/ })
  const binary = path.join(folder.path, 'binary')
  await writeFile(
    binary,
    Uint8Array.from({ length: 4096 }, (_, index) => (index * 37) % 256),
  )
  await assert.rejects(readParsecFile(binary), {
    code: 'invalid_argument',
    message: /line 1: the number of options is/,
  })
})

test('readParsecFile says that it may not read', { skip: process.getuid!() === 0 && 'root may read' }, async () => {
  await using folder = await mkdtempDisposable(path.join(tmpdir(), 'rfaas-parsec-'))
  const locked = path.join(folder.path, 'locked')
  await writeFile(locked, '1\n')
  await chmod(locked, 0)
  await assert.rejects(readParsecFile(locked), { code: 'invalid_argument', message: /: it may not be read$/ })
})
