// What a user gets: both tarballs in an empty folder, with everything else from the npm registry.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

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

let folder = ''
let user = ''

function run(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, args, { cwd: user, env: shellEnvironment(), encoding: 'utf8' })
}

function assertRuns(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(command, ...args)
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

describe('the published packages', { timeout: 280_000 }, () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rfaas-packaging-'))
    user = join(folder, 'user')
    mkdirSync(user)
    writeFileSync(join(user, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(user, 'functions.ts'), FUNCTIONS)
    writeFileSync(join(user, 'program.ts'), PROGRAM)
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    assertRuns(process.execPath, join(root, 'scripts/pack.ts'), folder)
    const tarballs = globSync('*.tgz', { cwd: folder }).map((name) => join(folder, name))
    assert.equal(tarballs.length, 2)
    assertRuns('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', '@types/node@24', ...tarballs)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('hold what was built, and neither sources nor tests', () => {
    const files = globSync('node_modules/{rfaas,@rfaas/fabric}/**/*', { cwd: user })
    assert.ok(files.includes('node_modules/rfaas/dist/index.js'), files.join('\n'))
    assert.ok(files.includes('node_modules/@rfaas/fabric/native/binding.gyp'))
    for (const name of ['README.md', 'LICENSE']) {
      assert.ok(files.includes(`node_modules/rfaas/${name}`), name)
      assert.ok(files.includes(`node_modules/@rfaas/fabric/${name}`), name)
    }
    assert.deepEqual(
      files.filter((path) => /\/src\/|\.test\.|tsbuildinfo|(?<!\.d)\.ts$/.test(path)),
      [],
    )
  })

  it('compile nothing on install, and say what to run', () => {
    assert.ok(!existsSync(join(user, 'node_modules/@rfaas/fabric/native/build')))
    const { status, stderr } = run('node', 'program.ts')
    assert.notEqual(status, 0)
    assert.match(stderr, /npx rfaas-build-native/)
  })

  it('build their addons with one command, once', () => {
    assert.match(assertRuns('npx', '--no-install', 'rfaas-build-native'), /Built both addons/)
    assert.match(assertRuns('npx', '--no-install', 'rfaas-build-native'), /built already/)
    assert.equal(run('npx', '--no-install', 'rfaas-build-native', '--wrong').status, 2)
  })

  it('run a program with an embedded cluster', () => {
    assert.equal(assertRuns('node', 'program.ts'), 'sum 5\n')
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
