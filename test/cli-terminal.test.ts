import { strict as assert } from 'node:assert'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { LAUNCHER, rfaas } from './cli-process.ts'

// Of Debian's bsdutils: runs a command on a terminal of its own.
const hasScript = spawnSync('script', ['--version']).status === 0

function onTerminal(command: string, env: Record<string, string> = {}): string {
  return execFileSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    input: '',
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...env },
  })
}

const doctor = `${process.execPath} ${LAUNCHER} doctor`

test(
  'colours are on a terminal only, and NO_COLOR turns them off',
  { skip: !hasScript && 'no script(1)' },
  async () => {
    const coloured = onTerminal(doctor)
    assert.notEqual(stripVTControlCharacters(coloured), coloured)
    const plain = onTerminal(doctor, { NO_COLOR: '1' })
    assert.equal(stripVTControlCharacters(plain), plain)
    const { stdout } = await rfaas(['doctor'])
    assert.equal(stripVTControlCharacters(stdout), stdout)
    const help = onTerminal(`${process.execPath} ${LAUNCHER} --help`)
    assert.notEqual(stripVTControlCharacters(help), help)
    const { stdout: helpPiped } = await rfaas(['--help'])
    assert.equal(stripVTControlCharacters(helpPiped), helpPiped)
  },
)
