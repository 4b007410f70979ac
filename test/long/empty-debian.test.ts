// What a stranger does on a fresh machine: Debian with an old Node.js and npm, and nothing else. Machines of namespaces
// with files in memory, from one root that debootstrap has made (test/harness/empty-debian).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'

import { Machine, type Said, type User } from '../harness/empty-debian/machine.ts'
import { emptyDebian, reasonAgainst, type EmptyDebian } from '../harness/empty-debian/root.ts'
import { becomes } from '../harness/waiting.ts'
import { packedInto } from '../packed.ts'

const CHECKOUT = join(import.meta.dirname, '../..')
/** Set-up takes half a minute of a processor that has nothing else to do. */
const LIMIT = { timeout: 280_000 }
/** What is not in a fresh clone. */
const LEFT_OUT = ['.git', 'build', 'coverage', 'dist', 'node_modules', 'out', '*.tsbuildinfo']
const MACHINE = join(import.meta.dirname, '../harness/empty-debian/machine.ts')

const PROGRAM = `import { local } from 'rfaas'
import type * as Functions from './functions.ts'

await using cluster = await local({ cores: 1 })
await using lease = await cluster.lease<typeof Functions>({ functions: import.meta.resolve('./functions.ts') })
console.log(await lease.call.add(2, 3))
`
const FUNCTIONS = `export function add(a: number, b: number): number {
  return a + b
}
`

const copyCheckout = (machine: Machine, user: User): Promise<void> =>
  machine.copyIn(user, CHECKOUT, 'rfaas', [...LEFT_OUT.map((name) => `--exclude=${name}`), '.'])

function assertQuiet({ status, stdout, stderr }: Said): string {
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' }, `${stdout}\n${stderr}`)
  return stdout
}

/** The processes of a PID namespace, as this machine counts. */
function membersOf(namespace: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/pid`) === namespace
    } catch {
      return false // it has ended
    }
  })
}

/** What should be gone: all processes but the first, files in shared memory, npm's cache of a user without a home. */
async function leftIn(machine: Machine): Promise<string[]> {
  const files = await machine.run('root', 'ls -d /dev/shm/* /tmp/rfaas-npm-*')
  const processes = membersOf(readlinkSync(`/proc/${machine.pid}/ns/pid`)).filter((pid) => Number(pid) !== machine.pid)
  return [...files.stdout.split('\n').filter(Boolean), ...processes]
}

/** Matches lines of set-up, each with its time. */
const steps = (...lines: string[]): RegExp =>
  new RegExp(`^${lines.map((line) => `set-up: ${line} … \\d+\\.\\d s\\n`).join('')}$`)

describe('on an empty Debian', { skip: reasonAgainst() ?? false, timeout: 560_000, concurrency: true }, () => {
  let debian: EmptyDebian
  let folder = ''
  let tarballs: string[] = []
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rfaas-empty-debian-'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'program.ts'), PROGRAM)
    writeFileSync(join(folder, 'functions.ts'), FUNCTIONS)
    const packed = packedInto(join(folder, 'packed'))
    debian = emptyDebian()
    tarballs = await packed
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('root sets up a checkout, without and with a network, and starts it', LIMIT, async () => {
    await using machine = await Machine.start(debian)
    await copyCheckout(machine, 'root')
    // Debian's packages are at hand, npm's are not.
    const offline = 'cd rfaas && npm_config_fetch_retries=0 unshare --net node scripts/setup.mjs'
    const { status, stdout, stderr } = await machine.run('root', offline)
    assert.deepEqual({ status, stderr }, { status: 1, stderr: '' }, stdout)
    assert.match(
      stdout,
      /^set-up: installing gcc libc6-dev libfabric-dev make \(apt-get\) … \d+\.\d s\nset-up: installing npm packages \(npm ci\) … failed\nset-up: Cannot install npm packages: this machine does not reach the registry \S+; .*start again\.\n$/,
    )
    assert.match(
      assertQuiet(await machine.run('root', 'cd rfaas && node scripts/setup.mjs')),
      steps(
        'installing npm packages \\(npm ci\\)',
        "bringing Node.js 24 from npm, beside the system's v20\\.\\S+",
        'building the addons',
      ),
    )
    assert.equal(
      assertQuiet(await machine.run('root', 'ls rfaas/packages/fabric/native/build')),
      'rfaas_host.node\nrfaas_verbs.node\nsources.sha256\n',
    )
    assert.match(assertQuiet(await machine.run('root', 'cd rfaas && npm start')), /✔/)
  })

  it(
    'another user is told in one sentence what is missing; with that, set-up goes on without libfabric',
    LIMIT,
    async () => {
      await using machine = await Machine.start(debian)
      await copyCheckout(machine, 'ada')
      const sentence =
        /set-up: Cannot build the addons: this machine lacks a C compiler; install one \(Debian, Ubuntu: (.*)\) and start again\.\n$/
      const { status, stdout, stderr } = await machine.run('ada', 'cd rfaas && npm start')
      assert.deepEqual({ status, stderr }, { status: 1, stderr: '' })
      const advice = sentence.exec(stdout)?.[1]
      assert.ok(advice !== undefined, stdout)
      // There is no sudo, nor anybody to say yes.
      const command = advice.replaceAll('sudo ', '').replace('install', 'install -y')
      const installed = await machine.run('root', `DEBIAN_FRONTEND=noninteractive ${command}`)
      assert.equal(installed.status, 0, installed.stdout + installed.stderr)
      // A user whose home is absent.
      const inCheckout = (command: string): Promise<Said> =>
        machine.run('ada', `cd rfaas && export HOME=/nonexistent && ${command}`)
      assert.match(
        assertQuiet(await inCheckout('npm --silent run prestart')),
        steps(
          'installing npm packages \\(npm ci\\)',
          "bringing Node.js 24 from npm, beside the system's v20\\.\\S+",
          'building the addons',
        ),
      )
      assert.match(assertQuiet(await inCheckout('node_modules/.bin/node examples/quickstart.ts')), /^one: 4\.48/)
      assert.deepEqual(await leftIn(machine), [])
    },
  )

  it('set-up says in one sentence that it may not write, or that there is no npm', async () => {
    await using machine = await Machine.start(debian)
    await copyCheckout(machine, 'ada')
    // A compiler, as far as set-up comes.
    await machine.run('root', 'chown root ~ada/rfaas; rm /usr/local/bin/npm; ln -s ../../bin/true /usr/local/bin/cc')
    const setUp = 'cd rfaas && node scripts/setup.mjs'
    assert.deepEqual(await machine.run('ada', setUp), {
      status: 1,
      stdout:
        'set-up: Cannot set up /home/ada/rfaas/: user 1000 may not write there; start it as the owner, or clone it into another folder.\n',
      stderr: '',
    })
    await machine.run('root', 'chown ada ~ada/rfaas')
    assert.deepEqual(await machine.run('ada', setUp), {
      status: 1,
      stdout:
        'set-up: installing npm packages (npm ci) … failed\nset-up: Cannot install npm packages: there is no npm on the PATH; install it (Debian, Ubuntu: sudo apt-get install npm) and start again.\n',
      stderr: '',
    })
  })

  it('a user without compiler and libfabric installs the packages and runs a first program', LIMIT, async () => {
    await using machine = await Machine.start(debian)
    const compilers = await machine.run('ada', 'command -v cc gcc make; ls /usr/lib/*/libfabric*')
    assert.equal(compilers.stdout, '')
    await machine.copyIn('root', dirname(process.execPath), '/opt/node', [basename(process.execPath)])
    await machine.copyIn('ada', dirname(tarballs[0]!), 'packed', tarballs.map((path) => basename(path))) // prettier-ignore
    await machine.copyIn('ada', folder, 'program', ['package.json', 'program.ts', 'functions.ts'])
    // npm would say that there is a newer npm.
    const settings = 'export PATH=/opt/node:$PATH npm_config_update_notifier=false'
    const inProgram = (command: string): Promise<Said> => machine.run('ada', `${settings}; cd program && ${command}`)
    assert.match(assertQuiet(await inProgram('npm install ~/packed/*.tgz')), /added \d+ packages/)
    assert.equal(assertQuiet(await inProgram('node program.ts')), '5\n')
    assert.match(assertQuiet(await inProgram('npx rfaas doctor')), /\nThis machine can run rfaas\.\n$/)
    assert.deepEqual(await leftIn(machine), [])
  })

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    it(`nothing is left of a machine after ${signal}`, async () => {
      const program = `import { Machine } from ${JSON.stringify(MACHINE)}
        const machine = await Machine.start(${JSON.stringify(debian)})
        void machine.run('ada', 'sleep 1000')
        await machine.run('ada', 'until grep -q sleep /proc/*/comm; do :; done')
        console.log(machine.pid)`
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
      const namespace = readlinkSync(`/proc/${line}/ns/pid`)
      child.kill(signal)
      await becomes([], () => membersOf(namespace))
    })
  }

  it('nothing is mounted on this machine', () => {
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes('empty-debian'))
  })
})
