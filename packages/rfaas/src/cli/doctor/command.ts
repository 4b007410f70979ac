import type { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { jsonOption } from '../options.ts'
import { paint } from '../style.ts'
import { checksOf } from './checks.ts'
import type { Check, Status } from './checks.ts'
import { gatherFacts } from './facts.ts'

const EXAMPLES = `
Each line says what was found, what it means, and what to do about it:
  ok       as it should be
  note     a limitation; rfaas works all the same
  MISSING  necessary; the exit code is then 1

Examples:
  rfaas doctor
  rfaas doctor --json | jq '.checks[] | select(.status != "ok")'
`

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check whether this machine has what rfaas needs')
    .addOption(jsonOption('print one JSON object: {ok, checks: [{name, status, found, meaning, todo}]}'))
    .addHelpText('after', EXAMPLES)
    .action(async ({ json }: { json?: true }) => {
      const checks = checksOf(await gatherFacts())
      const ok = checks.every((check) => check.status !== 'missing')
      process.stdout.write(json ? `${JSON.stringify({ ok, checks })}\n` : render(checks))
      if (!ok) process.exitCode = EXIT.failed
    })
}

const LABELS: Record<Status, string> = { ok: 'ok', note: 'note', missing: 'MISSING' }
const STYLES = { ok: 'green', note: 'yellow', missing: 'red' } as const

/** The checks as lines for a person. */
export function render(checks: readonly Check[]): string {
  const nameWidth = Math.max(...checks.map((check) => check.name.length))
  const foundWidth = Math.max(...checks.map((check) => (check.found.length > 24 ? 0 : check.found.length)))
  const lines = checks.flatMap((check) => {
    const label = paint(STYLES[check.status], LABELS[check.status].padEnd(7))
    const head = `${label}  ${check.name.padEnd(nameWidth)}  ${check.found.padEnd(foundWidth)}`
    const indent = ' '.repeat(9 + nameWidth + 2)
    const meaning = check.found.length > 24 ? [head, indent + check.meaning] : [`${head}  ${check.meaning}`]
    return check.todo === '' ? meaning : [...meaning, `${indent}→ ${check.todo}`]
  })
  return `${lines.join('\n')}\n${summary(checks)}\n`
}

function summary(checks: readonly Check[]): string {
  const missing = checks.filter((check) => check.status === 'missing').map((check) => check.name)
  if (missing.length === 0) return '\nThis machine can run rfaas.'
  return `\nThis machine cannot run rfaas yet; missing: ${missing.join(', ')}.`
}
