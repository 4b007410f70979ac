// scripts/setup.mjs on a copy of the checkout in which nothing is installed or built.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'

import { shellEnvironment } from '../shell.ts'

const root = join(import.meta.dirname, '../..')
const LEFT_OUT = new Set(['.git', 'build', 'dist', 'node_modules', 'out'])

describe('setup', { timeout: 280_000 }, () => {
  let copy = ''
  before(() => {
    copy = mkdtempSync(join(tmpdir(), 'rfaas-setup-'))
    cpSync(root, copy, { recursive: true, filter: (path) => !LEFT_OUT.has(basename(path)) })
  })
  after(() => rmSync(copy, { recursive: true, force: true }))

  async function setUp(environment = {}): Promise<{ status: unknown; output: string }> {
    const env = { ...shellEnvironment(), ...environment }
    const child = spawn(process.execPath, ['scripts/setup.mjs'], {
      cwd: copy,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    return { output: await text(child.stdout), status: await ended }
  }

  it('says in one sentence what to install where it may not', async () => {
    const { status, output } = await setUp({ PATH: '/nonexistent' })
    assert.match(
      output,
      /^set-up: Cannot build the addons: .*a C compiler.*apt-get install gcc libc6-dev.* start again\.\n$/,
    )
    assert.equal(status, 1)
    assert.ok(!existsSync(join(copy, 'node_modules')))
  })

  it('works when started twice at once', async () => {
    const both = await Promise.all([setUp(), setUp()])
    for (const { status, output } of both) assert.equal(status, 0, output)
    const output = both.map((each) => each.output).join('')
    assert.equal(output.match(/installing npm packages/g)?.length, 1, output)
    assert.equal(output.match(/building the addons/g)?.length, 1, output)
    assert.ok(existsSync(join(copy, 'packages/fabric/native/build/rfaas_host.node')))
  })

  it('does nothing when nothing is to be done', async () => {
    assert.deepEqual(await setUp(), { status: 0, output: '' })
  })

  it('builds the addons again when their sources have changed, and nothing else', async () => {
    appendFileSync(join(copy, 'packages/fabric/native/host.c'), '/* changed */\n')
    const { status, output } = await setUp()
    assert.match(output, /^set-up: building the addons … \d+\.\d s\n$/)
    assert.equal(status, 0)
  })
  it('builds rfaas_host alone where libfabric is not installed, and insists on nothing more', (t) => {
    const built = join(copy, 'packages/fabric/native/build')
    const hide = 'mount -t tmpfs none /usr/include/rdma'
    if (spawnSync('unshare', ['--mount', 'sh', '-c', hide]).status !== 0) return t.skip('cannot hide its headers here')
    // Without apt-get, as on other systems.
    const script = `${hide} && mount --bind /bin/false "$(command -v apt-get || echo /bin/false)" && ${process.execPath} scripts/setup.mjs`
    const options = { cwd: copy, env: shellEnvironment(), encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script], options)
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /^set-up: building the addons … \d+\.\d s\n$/)
    assert.deepEqual(readdirSync(built).sort(), ['rfaas_host.node', 'sources.sha256'])
  })
})
