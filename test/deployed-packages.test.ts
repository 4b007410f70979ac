/**
 * Functions with packages and files are deployed once, and leased by name: neither the client nor the node has, or sees, what
 * the deployer had.
 */
import { strict as assert } from 'node:assert'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Cluster, DeployOptions, Deployment } from 'rfaas'

import { rfaas } from './cli-process.ts'
import { buildAddon } from './harness/addon.ts'
import { error } from './harness/codes.ts'
import { Scene } from './harness/scene.ts'

interface Model {
  answer(): number
  read(name: string): string
  rates(): string
  place(): string
}

const FUNCTIONS = `
  import { readFileSync } from 'node:fs'
  import native from 'native'
  export const answer = (): number => native.answer()
  export const rates = (): string => readFileSync(new URL('./data/rates.csv', import.meta.url), 'utf8')
  export const read = (name: string): string => readFileSync(import.meta.dirname + '/' + name, 'utf8')
  export const place = (): string => import.meta.dirname`

/** The machine in the header of an ELF file: x86-64, or arm64. */
const ELF_MACHINE = { x64: 0x3e, arm64: 0xb7 }

describe('deployed functions with packages and files', () => {
  let scene: Scene
  let cluster: Cluster
  let database: string
  let project: string
  let away: string

  const write = (name: string, text: string | Uint8Array): void => {
    const path = join(project, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  before(async () => {
    scene = new Scene()
    database = join(scene.folder, 'manager.db')
    project = join(scene.folder, 'project')
    away = join(scene.folder, 'away')
    cluster = await scene.embedded({ manager: { dataPath: database } })
    write('package.json', JSON.stringify({ type: 'module' }))
    const addon = (name: string, index: string): void => {
      write(`node_modules/${name}/package.json`, JSON.stringify({ name }))
      write(`node_modules/${name}/index.js`, index)
      buildAddon(join(project, `node_modules/${name}/it.node`))
    }
    addon('native', `module.exports = require('./it.node')`)
    addon('other', `exports.answer = () => require('./it.node').answer(), exports.deep = require('deep').deep`)
    write('node_modules/other/package.json', JSON.stringify({ name: 'other', dependencies: { deep: '1' } }))
    write('node_modules/deep/index.js', `exports.deep = () => 'deep'`)
    const foreign = join(project, 'node_modules/other/it.node')
    const bytes = readFileSync(foreign)
    bytes.writeUInt16LE(process.arch === 'arm64' ? ELF_MACHINE.x64 : ELF_MACHINE.arm64, 18)
    writeFileSync(foreign, bytes)
    write('src/data/rates.csv', 'EUR,1')
    write('src/models/a.bin', 'a model')
    write('src/functions.ts', FUNCTIONS)
    write('src/other.ts', `import other from 'other'; export const { answer, deep } = other`)
    const handler = `exports.handler = async () => require('fs').readFileSync(__dirname + '/data/rates.csv', 'utf8')`
    write('src/handler.cjs', handler)
    renameSync(project, away)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  /** Runs something while the project is there: only a deployment sees it. */
  const withProject = async <T>(work: () => Promise<T>): Promise<T> => {
    renameSync(away, project)
    try {
      return await work()
    } finally {
      renameSync(project, away)
    }
  }
  const deploy = (module: string, options: DeployOptions): Promise<Deployment> =>
    withProject(() => cluster.deploy(join(project, module), options))

  /** Keys of what the manager keeps of bundles. */
  const kept = async (): Promise<string[]> => {
    // The manager is in this thread, and may be in the middle of a commit.
    await turn()
    using file = new DatabaseSync(database, { readOnly: true })
    const rows = file.prepare('SELECT key FROM entries').all() as { key: string }[]
    return rows.map(({ key }) => key).filter((key) => /^(?:bundles|slices|uploads|dropped)\//.test(key))
  }

  test('run where nothing of them is installed; each version has its own files', async () => {
    const files = ['models/*.bin']
    const first = await deploy('src/functions.ts', { name: 'model', files })
    assert.deepEqual([first.version, first.isNew, first.functions.length], [1, true, 4])
    const again = await deploy('src/functions.ts', { name: 'model', files })
    assert.deepEqual([again.version, again.isNew, again.sha256], [1, false, first.sha256])
    assert.ok(!existsSync(project))

    const other = await scene.connect(cluster.url)
    await using lease = await other.lease<Model>({ functions: 'model@1' })
    const { answer, rates, read, place } = lease.call
    const results = await Promise.all([answer(), rates(), read('models/a.bin')])
    assert.deepEqual(results, [42, 'EUR,1', 'a model'])
    assert.ok((await place()).endsWith(`bundles/${first.sha256}.folder/files/src`))

    await withProject(async () => {
      write('src/data/rates.csv', 'EUR,2')
      const second = await cluster.deploy(join(project, 'src/functions.ts'), { name: 'model', files })
      assert.deepEqual([second.version, second.bytes], [2, first.bytes])
    })
    await lease.update('model@2')
    assert.deepEqual([lease.deployed, await lease.call.rates(), await lease.call.answer()], ['model@2', 'EUR,2', 42])

    const listed = (await cluster.functions()).map(({ name, version, bytes }) => [name, version, bytes])
    assert.deepEqual(listed, [['model', 1, first.bytes], ['model', 2, first.bytes]]) // prettier-ignore
    await cluster.undeploy('model')
    assert.deepEqual(await kept(), [])
    assert.equal(await lease.call.rates(), 'EUR,2')
  })

  test('are sent to a node once, and verified by client and node before they are', async () => {
    const { sha256 } = await deploy('src/functions.ts', { name: 'spoiled' })
    await turn()
    {
      using file = new DatabaseSync(database)
      const [slice] = file.prepare(`SELECT key, value FROM entries WHERE key LIKE 'slices/%'`).all() as {
        key: string
        value: string
      }[]
      const bytes = Buffer.from(slice!.value, 'base64')
      const at = bytes.lastIndexOf('EUR,')
      assert.ok(at > 0)
      bytes.write('USD', at)
      file.prepare('UPDATE entries SET value = ? WHERE key = ?').run(bytes.toString('base64'), slice!.key)
    }
    const reason = /spoiled@1: the manager sent other bytes: .* SHA-256 of files\/src\/data\/rates\.csv is/
    await assert.rejects(cluster.lease({ functions: 'spoiled' }), error('internal', reason))
    assert.ok(!readdirSync(join(scene.folder, 'bundles')).includes(`${sha256}.folder`))
    await cluster.undeploy('spoiled')

    await deploy('src/functions.ts', { name: 'good' })
    const uploads: number[] = []
    for (let lease = 1; lease <= 2; lease++) {
      await using leased = await cluster.lease<Model>({ functions: 'good' })
      assert.equal(await leased.call.answer(), 42)
      uploads.push(leased.timings.uploadMs)
    }
    assert.ok(uploads[0]! > 0)
    assert.equal(uploads[1], 0)
    await Promise.all(['second', 'third'].map((name) => scene.node(cluster.url, name)))
    await using spread = await cluster.lease<Model>({ functions: 'good', cores: 6, nodes: 3 })
    assert.deepEqual(await spread.each.answer(), [42, 42, 42, 42, 42, 42])
    const folders = (await spread.each.place()).map((place) => /bundles(?:-\w+)?/.exec(place)![0])
    assert.deepEqual([...new Set(folders)].sort(), ['bundles', 'bundles-second', 'bundles-third'])
    await cluster.undeploy('good')
  })

  test('an addon that was built for another machine fails with one sentence; packages find each other', async () => {
    await deploy('src/other.ts', { name: 'other' })
    await using lease = await cluster.lease({ functions: 'other' })
    const sentence = /Cannot load it\.node of the package other: it was built for linux .*, this node has linux/
    await assert.rejects(lease.call['answer']!(), sentence)
    assert.equal(await lease.call['deep']!(), 'deep')
    await cluster.undeploy('other')
  })

  test('on the command line: handlers, files that the text does not name, and their size', async () => {
    const run = (...args: string[]) => rfaas([...args, '--manager', cluster.url], { cwd: scene.folder })
    const module = join(project, 'src/handler.cjs')
    const deployed = await withProject(() =>
      run('deploy', module, '--name', 'rates', '--kind', 'lambda', '--files', 'models', '--json'),
    )
    assert.equal(deployed.stderr, '')
    const { bytes } = JSON.parse(deployed.stdout) as { bytes: number }
    const [called, listed] = await Promise.all([
      run('invoke', 'rates', 'handler', '--data', 'null'),
      run('functions', '--json'),
    ])
    assert.deepEqual([called.code, called.stdout, called.stderr], [0, '"EUR,2"\n', ''])
    assert.deepEqual((JSON.parse(listed.stdout) as { bytes: number }[]).map((each) => each.bytes), [bytes]) // prettier-ignore
    const nothing = await withProject(() => run('deploy', module, '--name', 'rates', '--files', '*.onnx'))
    assert.match(nothing.stderr, /files: nothing in .* is named "\*\.onnx"$/m)
    assert.equal((await run('undeploy', 'rates')).code, 0)
    assert.deepEqual(await kept(), [])
  })
})
