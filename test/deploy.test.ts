/** What is in deploy/ names commands, options and files that exist, and its tools accept it. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { createProgram } from '../packages/rfaas/src/cli/program.ts'

const ROOT = join(import.meta.dirname, '..')
const UNITS = ['rfaas-manager', 'rfaas-node'] as const
const PROGRAM = '/opt/rfaas/node_modules/rfaas/bin/rfaas.mjs'

const read = (path: string): string => readFileSync(join(ROOT, 'deploy', path), 'utf8')

/** Every command line of rfaas in the files: `manager`, `--host`, …, each with the file that it is in. */
function commandLines(): { file: string; words: string[] }[] {
  const ofUnits = UNITS.map((name) => {
    const file = `systemd/${name}.service`
    const [, line = ''] = new RegExp(`^ExecStart=/usr/bin/node ${PROGRAM} (.*)$`, 'm').exec(read(file)) ?? []
    return { file, words: line.split(' ') }
  })
  const ofCompose = [...read('compose.yaml').matchAll(/command:\s*\[([^\]]*)\]/g)].map(([, list = '']) => {
    return { file: 'compose.yaml', words: list.split(/[\s,']+/).filter((word) => word !== '') }
  })
  const inComments = ['Dockerfile', 'systemd/rfaas-node.service'].flatMap((file) =>
    [...read(file).matchAll(/^#.* (?:rfaas (manager)|RFAAS_OPTIONS=)(.*)$/gm)].map(
      ([, command = 'node', rest = '']) => {
        return { file, words: [command, ...rest.trim().split(' ')] }
      },
    ),
  )
  return [...ofUnits, ...ofCompose, ...inComments]
}

function hasTool(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0
}

describe('deploy/', () => {
  test('names commands and options that rfaas has', () => {
    const { commands } = createProgram()
    const lines = commandLines()
    assert.deepEqual(lines.map(({ words }) => words[0]).sort(), [
      ...['manager', 'manager', 'manager', 'node', 'node', 'node'],
    ])
    for (const { file, words } of lines) {
      const command = commands.find((command) => command.name() === words[0])
      assert.ok(command, `${file}: ${words[0]}`)
      const known = command.options.map(({ long }) => long)
      const options = words.filter((word) => word.startsWith('--'))
      assert.ok(options.length > 0, file)
      for (const option of options) assert.ok(known.includes(option), `${file}: rfaas ${words[0]} has no ${option}`)
    }
  })

  test('names files that are there', () => {
    assert.ok(existsSync(join(ROOT, 'packages', PROGRAM.replace(/.*node_modules/, ''))))
    const compose = read('compose.yaml')
    for (const [, context = '', dockerfile = ''] of compose.matchAll(/context: (\S+)\s+dockerfile: (\S+)/g)) {
      assert.ok(existsSync(join(ROOT, 'deploy', context, dockerfile)), dockerfile)
    }
    assert.match(read('Dockerfile'), new RegExp(`^ENTRYPOINT \\["node", "${PROGRAM}"\\]$`, 'm'))
    for (const name of UNITS) assert.match(read(`systemd/${name}.service`), /docs\/operating\.md$/m)
  })

  test(
    'has units that systemd accepts',
    { skip: !hasTool('systemd-analyze', '--version') && 'systemd-analyze is not installed' },
    () => {
      using folder = mkdtempDisposableSync(join(tmpdir(), 'rfaas-units-'))
      for (const name of UNITS) {
        const path = join(folder.path, `${name}.service`)
        writeFileSync(path, read(`systemd/${name}.service`).replaceAll('/usr/bin/node', process.execPath))
        const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
        assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
      }
    },
  )

  test(
    'has a Compose file in which every service has a program, a health check and time to drain',
    { skip: !hasTool('python3', '-c', 'import yaml') && 'python3 with yaml is not installed' },
    () => {
      const program = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))'
      const { stdout, stderr } = spawnSync('python3', ['-c', program], {
        input: read('compose.yaml'),
        encoding: 'utf8',
      })
      const { services } = JSON.parse(stdout || stderr) as { services: Record<string, Record<string, unknown>> }
      for (const [name, service] of Object.entries(services)) {
        const { test } = service['healthcheck'] as { test: unknown[] }
        for (const word of [...(service['command'] as unknown[]), ...test]) assert.equal(typeof word, 'string', name)
        assert.match(String(test.at(-1)), new RegExp(`^http://${name}:\\d+/readyz$`))
        assert.equal(service['stop_grace_period'], '15s')
      }
    },
  )
})
