import { parseArgs } from 'node:util'
import { floor } from './benches/floor.ts'
import { hot } from './benches/hot.ts'
import type { Bench } from './harness/bench.ts'
import { machineFacts } from './harness/facts.ts'
import { buildNative } from './harness/native.ts'
import { jsonReport, textReport } from './harness/report.ts'

const BENCHES: readonly Bench[] = [floor, hot]

const USAGE = `usage: npm run bench -- NAME [--json] [--quick]

${BENCHES.map(({ name, question }) => `  ${name.padEnd(10)}  ${question}`).join('\n')}

  --json      print one object; its \`summary\` holds the numbers that are quoted, by name
  --quick     fewer and shorter rounds: to see that it runs, not to quote
`

function usageError(sentence: string): never {
  process.stderr.write(`${sentence}\n\n${USAGE}`)
  process.exit(2)
}

function parseCommand() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    return usageError((error as Error).message)
  }
}

/** On a terminal, one line that is written over; elsewhere silent. */
function progressLine(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

const { values, positionals } = parseCommand()
if (values.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
if (positionals.length !== 1) usageError(`Name one bench, got ${positionals.join(' ') || 'none'}`)
const bench = BENCHES.find(({ name }) => name === positionals[0])
if (bench === undefined) usageError(`No such bench: ${positionals[0]}`)

const quick = values.quick ?? false
const facts = machineFacts()
await buildNative()
const report = await bench.run({ quick, progress: progressLine })
progressLine('')
const outcome = { bench, facts, quick, report }
process.stdout.write(`${values.json ? jsonReport(outcome) : textReport(outcome)}\n`)
