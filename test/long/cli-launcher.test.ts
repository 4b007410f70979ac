import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { LAUNCHER, rfaas } from '../cli-process.ts'

const { refusalOf } = (await import(join(dirname(LAUNCHER), 'node-version.mjs'))) as {
  refusalOf: (version: string) => string | null
}

function versionOf(node: string): string | null {
  try {
    return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)
  } catch {
    return null
  }
}

test('the launcher refuses a Node older than 24 in one sentence', () => {
  assert.equal(refusalOf('24.0.0'), null)
  assert.equal(refusalOf('26.1.0'), null)
  for (const old of ['18.20.4', '22.21.0', '23.11.0']) {
    const sentence = `rfaas: Cannot run on Node.js ${old}: it needs 24 or newer (https://nodejs.org/en/download).`
    assert.equal(refusalOf(old), sentence)
  }
})

const system = '/usr/bin/node'
const version = versionOf(system)
const isOld = version !== null && refusalOf(version) !== null
test(
  'the launcher says so on a real old Node and exits with 1',
  { skip: !isOld && `no old Node at ${system}` },
  async () => {
    const { code, stdout, stderr } = await rfaas(['up'], { node: system })
    assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: '', stderr: `${refusalOf(version!)}\n` })
  },
)

test('the launcher runs what was built where the sources are absent', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-launcher-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(dirname(LAUNCHER), join(folder, 'bin'), { recursive: true })
  mkdirSync(join(folder, 'dist/cli'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'dist/cli/main.js'), 'console.log("built", process.argv.slice(2))')
  const stdout = execFileSync(process.execPath, [join(folder, 'bin/rfaas.mjs'), 'nodes'], { encoding: 'utf8' })
  assert.equal(stdout, "built [ 'nodes' ]\n")
})

test('the launcher keeps what was compiled in the cache of the user, where there is one', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'rfaas-launcher-'))
  t.after(() => rmSync(home, { recursive: true }))
  const start = (env: NodeJS.ProcessEnv): string =>
    execFileSync(process.execPath, [LAUNCHER, '--version'], {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    })
  const version = start({ HOME: home })
  assert.ok(readdirSync(join(home, '.cache/rfaas/compiled')).length > 0)
  assert.equal(start({ HOME: home }), version)
  for (const env of [{ HOME: '/proc' }, { HOME: join(home, 'absent') }, { XDG_CACHE_HOME: 'relative', HOME: home }]) {
    assert.equal(start(env), version)
  }
})
