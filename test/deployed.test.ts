/** Functions are deployed once, and leased by name from programs that do not have their module. */
import { strict as assert } from 'node:assert'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cluster } from 'rfaas'

import { error } from './harness/codes.ts'
import { Scene } from './harness/scene.ts'

interface Pricing {
  version(): string
}

describe('deployed functions', () => {
  let scene: Scene
  let cluster: Cluster
  let database: string
  let files = 0

  before(async () => {
    scene = new Scene()
    database = join(scene.folder, 'manager.db')
    cluster = await scene.embedded({ manager: { dataPath: database }, node: { cores: 3 } })
  })
  after(() => scene[Symbol.asyncDispose]())

  /** A module in a folder, which is removed when the test has deployed it. */
  const module = (
    text: string,
    name = 'pricing.ts',
    folder = join(scene.folder, `module-${++files}`),
  ): { path: string; folder: string } & Disposable => {
    mkdirSync(folder)
    writeFileSync(join(folder, name), text)
    return { path: join(folder, name), folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  }
  const deployed = async (name: string, text: string) => {
    using made = module(text, 'pricing.ts', join(scene.folder, name))
    return await cluster.deploy(made.path, { name })
  }
  const pricing = (version: string): string =>
    `import { raw } from ${JSON.stringify(fileURLToPath(import.meta.resolve('rfaas/functions')))}
     export const limit = 5
     export const version = (): string => '${version}'
     export const sum = raw((input, output) => { output[0] = input[0]! + 1; return 1 })`

  test('a lease by name runs the version that it names, though the module is gone', async () => {
    const first = await deployed('pricing', pricing('first'))
    assert.deepEqual([first.version, first.isNew], [1, true])
    const functions = [{ name: 'sum', raw: true }, { name: 'version', raw: false }] // prettier-ignore
    assert.deepEqual(first.functions, functions)
    const again = await deployed('pricing', pricing('first'))
    assert.deepEqual([again.version, again.isNew, again.sha256], [1, false, first.sha256])
    await deployed('pricing', pricing('second'))
    const all = (await cluster.functions()).map(({ name, version, bytes }) => [name, version, bytes > 0])
    assert.deepEqual(all, [['pricing', 1, true], ['pricing', 2, true]]) // prettier-ignore

    // Another program.
    const other = await scene.connect(cluster.url)
    for (const [name, expected] of [
      ['pricing@1', 'first'],
      ['pricing', 'second'],
      ['pricing@2', 'second'],
    ] as const) {
      await using lease = await other.lease<Pricing>({ functions: name })
      assert.deepEqual(lease.functions, ['sum', 'version'])
      assert.equal(lease.deployed, name === 'pricing' ? 'pricing@2' : name)
      assert.equal(await lease.call.version(), expected)
    }
    await using lease = await cluster.lease<Pricing>({ functions: 'pricing@1' })
    assert.equal(lease.timings.uploadMs, 0)
    assert.deepEqual((await cluster.undeploy('pricing@1')).map(({ version }) => version), [1]) // prettier-ignore
    assert.equal(await lease.call.version(), 'first')
    await cluster.undeploy('pricing')
    assert.deepEqual(await cluster.functions(), [])
  })

  test('a name that is not deployed, and what may be a name or a path, are refused with both readings', async () => {
    const lease = (functions: string) => cluster.lease({ functions })
    const absent =
      /no functions are deployed as absent; deploy them with rfaas deploy FILE --name absent, or, if you mean a file, write \.\/absent/
    await assert.rejects(lease('absent'), error('not_found', absent))
    await assert.rejects(lease('absent@two'), error('invalid_argument', /like pricing or pricing@2, and the path/))
    const dotted = /there is no file .*absent\.2; if you mean deployed functions, their name has no dot/
    await assert.rejects(lease('absent.2'), error('invalid_argument', dotted))
    await assert.rejects(cluster.undeploy('absent'), error('not_found', /no functions are deployed as absent/))
    await assert.rejects(cluster.undeploy('./absent.ts'), error('invalid_argument', /a name such as pricing/))
    const external = cluster.lease({ functions: 'absent', external: ['x'] })
    await assert.rejects(external, error('invalid_argument', /must be given when "absent" is deployed/))
  })

  test('a folder is its main, or its index', async () => {
    using main = module(pricing('main'), 'start.ts')
    writeFileSync(join(main.folder, 'package.json'), '{ "main": "./start.ts" }')
    using index = module(pricing('index'), 'index.mts')
    assert.equal((await cluster.deploy(main.folder, { name: 'folder' })).version, 1)
    assert.equal((await cluster.deploy(index.folder, { name: 'folder' })).version, 2)
    await using lease = await cluster.lease<Pricing>({ functions: index.folder })
    assert.equal(await lease.call.version(), 'index')
    using empty = module('', 'other.ts')
    await assert.rejects(
      cluster.deploy(empty.folder, { name: 'folder' }),
      error('invalid_argument', /neither a package/),
    )
    await cluster.undeploy('folder')
  })

  test('what cannot be loaded is not deployed', async () => {
    for (const [text, reason] of [
      [`throw new Error('no licence'); export const f = 1`, /pricing\.ts:1:7: no licence/],
      ['process.exit(3); export const f = () => 1', /ended its thread: process\.exit\(3\)/],
      ['export const limit = 5', /exports no function, only limit/],
      [`import 'absent-package'; export const f = () => 1`, /absent-package/],
    ] as const) {
      await assert.rejects(deployed('broken', text), error('module_failed', reason))
    }
    using made = module('export const f = () => 1')
    await assert.rejects(cluster.deploy(made.path, { name: 'a.b' }), error('invalid_argument', /not "a\.b"/))
    await assert.rejects(cluster.deploy(made.path, {} as never), error('invalid_argument', /name must be given/))
    await assert.rejects(cluster.deploy(made.path, { name: 'a', nme: 1 } as never), error('invalid_argument', /"nme"/))
    assert.deepEqual(await cluster.functions(), [])
  })

  test('bytes that are not those that were deployed are not used', async () => {
    const { sha256 } = await deployed('spoiled', pricing('good'))
    // The manager is in this thread, and may be in the middle of a commit.
    await turn()
    using file = new DatabaseSync(database)
    const slice = file.prepare(`SELECT key, value FROM entries WHERE key LIKE 'slices/%'`).get() as Record<
      string,
      string
    >
    const spoiled = Buffer.from(Buffer.from(slice['value']!, 'base64').toString().replace('good', 'evil'))
    file.prepare('UPDATE entries SET value = ? WHERE key = ?').run(spoiled.toString('base64'), slice['key']!)
    const lease = cluster.lease({ functions: 'spoiled' })
    await assert.rejects(lease, error('internal', new RegExp(`spoiled@1: .* SHA-256 [0-9a-f]{64}, not ${sha256}`)))
    await cluster.undeploy('spoiled')
  })

  test('handlers of AWS Lambda stay what they are', async () => {
    using handlers = module('export const handler = async (event: { a: number }) => ({ twice: 2 * event.a })')
    const kind = 'neither' as 'lambda'
    await assert.rejects(cluster.deploy(handlers.path, { name: 'x', kind }), error('invalid_argument', /not neither/))
    await cluster.deploy(handlers.path, { name: 'handlers', kind: 'lambda' })
    await using lease = await cluster.lease({ functions: 'handlers' })
    assert.deepEqual(await lease.call.handler!({ a: 4 }), { twice: 8 })
  })
})
