// What a user gets: the tarballs in an empty folder, with everything else from the npm registry, and no compiler.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { codeBlock } from '../code-blocks.ts'
import { packedInto } from '../packed.ts'
import { shellEnvironment } from '../shell.ts'

const root = join(import.meta.dirname, '../..')

const FUNCTIONS = `export function add(a: number, b: number): number {
  return a + b
}
`
const PROGRAM = `import { local } from 'rfaas'
import type * as Functions from './functions.ts'

await using cluster = await local({ cores: 1 })
await using lease = await cluster.lease<typeof Functions>({ functions: new URL('./functions.ts', import.meta.url), cores: 1 })
const sum: number = await lease.call.add(2, 3)
console.log('sum', sum)

// @ts-expect-error the types of the functions come through
export const wrong = (): Promise<number> => lease.call.add('2', 3)
`
const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    // The default libraries, since the types of Connect, our dependency, name some of the DOM's.
    lib: ['es2024', 'esnext.disposable', 'dom'],
    module: 'nodenext',
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ['node'],
  },
}
/** A program of no more than the defaults: neither `lib` nor the types of Node.js. */
const PLAIN_PROGRAM = `import { local, RfaasError } from 'rfaas'
import type * as Functions from './functions.ts'

await using cluster = await local({ cores: 1 })
await using lease = await cluster.lease<typeof Functions>({ functions: './functions.ts' })
using slot = lease.reserve(64)
slot.input[0] = 1
export const sum: number = await lease.call.add(2, 3).catch((error) => (error instanceof RfaasError ? 0 : 1))
`

/** The programs of README.md; they are checked with all other types. */
const README_FILES = ['first.mts', 'second.mts', 'ways.mts']

const PLATFORM = `linux-${process.arch}-gnu`
/** All that a user's shell finds. */
const COMMANDS = ['node', 'npm', 'npx', 'sh']

let folder = ''
let user = ''
let bin = ''
/** Those of rfaas, of @rfaas/fabric, and of this platform's addons. */
let tarballs: string[] = []

interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

const run = (command: string, ...args: string[]): Ran => runIn(user, command, ...args)

function runIn(cwd: string, command: string, ...args: string[]): Ran {
  return spawnSync(command, args, { cwd, env: { ...shellEnvironment(), PATH: bin }, encoding: 'utf8' })
}

/** Makes a folder with the commands of a user who has no compiler. */
function linkCommands(): void {
  mkdirSync(bin)
  for (const name of COMMANDS) {
    const path = name === 'node' ? process.execPath : whereIs(name)
    symlinkSync(path, join(bin, name))
  }
}

function whereIs(command: string): string {
  const { stdout } = spawnSync('sh', ['-c', `command -v ${command}`], { env: shellEnvironment(), encoding: 'utf8' })
  return realpathSync(stdout.trim())
}

function assertRuns(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(command, ...args)
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

describe('the published packages', { timeout: 280_000 }, () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rfaas-packaging-'))
    user = join(folder, 'user')
    mkdirSync(user)
    writeFileSync(join(user, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(user, 'functions.ts'), FUNCTIONS)
    writeFileSync(join(user, 'program.ts'), PROGRAM)
    for (const file of README_FILES) writeFileSync(join(user, file), codeBlock('README.md', { file }).code)
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    bin = join(folder, 'bin')
    linkCommands()
    tarballs = await packedInto(folder)
    assert.notEqual(run('sh', '-c', 'command -v cc || command -v gcc || command -v make').status, 0)
    assertRuns('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', '@types/node@24', ...tarballs)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('hold what was built, and neither sources nor tests', () => {
    const files = globSync('node_modules/{rfaas,@rfaas/fabric}/**/*', { cwd: user })
    assert.ok(files.includes('node_modules/rfaas/dist/entry/index.js'), files.join('\n'))
    assert.ok(files.includes('node_modules/@rfaas/fabric/native/host.c'))
    for (const name of ['README.md', 'LICENSE']) {
      assert.ok(files.includes(`node_modules/rfaas/${name}`), name)
      assert.ok(files.includes(`node_modules/@rfaas/fabric/${name}`), name)
    }
    assert.deepEqual(
      files.filter((path) => /\/src\/|\.test\.|tsbuildinfo|(?<!\.d)\.ts$/.test(path)),
      [],
    )
  })

  it('run a program with an embedded cluster, and have compiled nothing', () => {
    assert.equal(assertRuns('node', 'program.ts'), 'sum 5\n')
    assert.ok(!existsSync(join(user, 'node_modules/@rfaas/fabric/native/build')))
  })

  it('run the first program of the README, which prints what the page shows', () => {
    const shown = codeBlock('README.md', { text: '$ node first.mts' }).code
    assert.equal(`$ node first.mts\n${assertRuns('node', 'first.mts')}`, shown)
    assert.equal(
      assertRuns('npx', '--no-install', 'rfaas', 'invoke', 'first.mts', 'square', '--data', '12', '--local'),
      '144\n',
    )
  })

  it('depend on the addons of each platform at their own version, and on nothing else', () => {
    const read = (name: string): Record<string, unknown> =>
      JSON.parse(readFileSync(join(user, 'node_modules', name, 'package.json'), 'utf8')) as Record<string, unknown>
    const { version, optionalDependencies, dependencies } = read('@rfaas/fabric')
    assert.equal((optionalDependencies as Record<string, string>)[`@rfaas/fabric-${PLATFORM}`], version)
    assert.equal(dependencies, undefined)
    const { os, cpu, libc, ...platform } = read(`@rfaas/fabric-${PLATFORM}`)
    assert.deepEqual([os, cpu, libc, platform['version']], [['linux'], [process.arch], ['glibc'], version])
  })

  it('run the same program over threads where npm left the addons out, and say so once', () => {
    const lean = join(folder, 'lean')
    mkdirSync(lean)
    writeFileSync(join(lean, 'package.json'), '{ "type": "module" }')
    for (const name of ['functions.ts', 'program.ts']) cpSync(join(user, name), join(lean, name))
    const args = ['--no-audit', '--no-fund', '--loglevel=error', '--omit=optional']
    assert.equal(runIn(lean, 'npm', 'install', ...args, ...tarballs.slice(0, 2)).status, 0)
    assert.deepEqual(readdirSync(join(lean, 'node_modules/@rfaas')), ['fabric'])
    const { status, stdout, stderr } = runIn(lean, 'node', 'program.ts')
    assert.deepEqual([status, stdout], [0, 'sum 5\n'], stderr)
    const reason = `@rfaas/fabric-${PLATFORM}, is not installed; .* or run \`npx rfaas-build-native\``
    assert.match(
      stderr,
      new RegExp(`\\[RFAAS_THREADS\\] RfaasWarning: local\\(\\) runs functions in threads .*${reason}`),
    )
    assert.equal(stderr.match(/RFAAS_THREADS/g)?.length, 1)
  })

  it('build their addons with one command, once, where they are not installed', () => {
    const addons = join(user, `node_modules/@rfaas/fabric-${PLATFORM}`)
    renameSync(addons, join(folder, 'addons'))
    const build = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync('npx', ['--no-install', 'rfaas-build-native', ...args], {
        cwd: user,
        env: shellEnvironment(),
        encoding: 'utf8',
      })
    assert.match(build().stdout, /^Built /)
    assert.match(build().stdout, /built already/)
    assert.equal(build('--wrong').status, 2)
    const { stdout, stderr } = run('node', 'program.ts')
    assert.deepEqual([stdout, stderr], ['sum 5\n', ''])
    rmSync(join(user, 'node_modules/@rfaas/fabric/native/build'), { recursive: true })
    renameSync(join(folder, 'addons'), addons)
  })

  it('connect two ends as the README of @rfaas/fabric shows', () => {
    const text = readFileSync(join(user, 'node_modules/@rfaas/fabric/README.md'), 'utf8')
    writeFileSync(join(user, 'ends.js'), /```js\n(.*?)```/s.exec(text)![1]!)
    assert.equal(assertRuns('node', 'ends.js'), 'Uint8Array(3) [ 1, 2, 3 ]\n')
  })

  it('have a CLI', () => {
    assert.match(assertRuns('npx', '--no-install', 'rfaas', '--version'), /^\d+\.\d+\.\d+\n$/)
  })

  it('have types that a strict TypeScript accepts', () => {
    assertRuns('node', join(root, 'node_modules/typescript/bin/tsc'), '-p', '.')
  })

  for (const target of ['es2024', 'esnext']) {
    it(`have types that need no types of Node.js and no \`lib\`, for the target ${target}`, () => {
      writeFileSync(join(user, 'plain.ts'), PLAIN_PROGRAM)
      const { lib: _lib, ...compilerOptions } = { ...TSCONFIG.compilerOptions, target, types: [] }
      writeFileSync(join(user, 'plain.json'), JSON.stringify({ compilerOptions, files: ['plain.ts'] }))
      assertRuns('node', join(root, 'node_modules/typescript/bin/tsc'), '-p', 'plain.json')
    })
  }
})
