/**
 * Functions run on a node that does not see the files of its client: packages with native code, packages that read their
 * own files, and files beside the user's modules come along.
 */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Cluster } from 'rfaas'

import { buildAddon } from './harness/addon.ts'
import { FABRICS } from './harness/fabrics.ts'
import { Scene } from './harness/scene.ts'

const against = FABRICS.includes('threads')
  ? 'needs a node in a process of its own'
  : spawnSync('unshare', ['--mount', 'true']).status === 0
    ? false
    : 'mount namespaces need root'

describe('a bundle for a node that does not see the files of its client', { skip: against }, () => {
  let scene: Scene
  let cluster: Cluster
  let project: string

  const write = (name: string, text: string | Uint8Array): string => {
    const path = join(project, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }
  const install = (place: string, manifest: object, files: Record<string, string>): void => {
    write(`${place}/package.json`, JSON.stringify(manifest))
    for (const [name, text] of Object.entries(files)) write(`${place}/${name}`, text)
  }
  const link = (target: string, name: string): void => {
    mkdirSync(dirname(join(project, name)), { recursive: true })
    symlinkSync(target, join(project, name))
  }

  before(async () => {
    scene = new Scene()
    project = join(scene.folder, 'project')
    mkdirSync(project)
    // The node has nothing where the client has its project.
    const hide = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs none '${project}' && exec "$@"`, 'sh']
    const manager = await scene.manager()
    await scene.nodeOn(hide, manager.url, 'far')
    cluster = await scene.connect(manager.url)

    // As pnpm installs: each package beside links to what it needs, and native code of this platform in a package of its own.
    const store = 'node_modules/.pnpm'
    const native = `@it/native-linux-${process.arch}`
    install(
      `${store}/native@1/node_modules/native`,
      {
        name: 'native',
        optionalDependencies: { [native]: '1', '@it/native-win32-x64': '1' },
        dependencies: { text: '1' },
      },
      {
        'index.js': `exports.answer = () => require('text').greeting + require('${native}/it.node').answer()`,
        'index.js.map': 'not needed',
      },
    )
    install(
      `${store}/text@1/node_modules/text`,
      { name: 'text' },
      {
        'index.js': `exports.greeting = require('fs').readFileSync(require('path').join(__dirname, 'data/hi.txt'), 'utf8')`,
        'data/hi.txt': 'hi ',
      },
    )
    install(`${store}/binary@1/node_modules/${native}`, { name: native, os: ['linux'] }, {})
    buildAddon(join(project, `${store}/binary@1/node_modules/${native}/it.node`))
    link('.pnpm/native@1/node_modules/native', 'node_modules/native')
    link('../../text@1/node_modules/text', `${store}/native@1/node_modules/text`)
    link(`../../../binary@1/node_modules/${native}`, `${store}/native@1/node_modules/${native}`)
    install('node_modules/unused', { name: 'unused' }, { 'index.js': '__dirname' })

    write('package.json', JSON.stringify({ type: 'module', dependencies: { unused: '1' } }))
    write('src/data/rates.csv', 'EUR,1')
    write('src/models/a #1.bin', 'a model')
    write('src/models/b.txt', 'not named')
    write(
      'src/thread.js',
      `import { twice } from './twice.js'; import { parentPort } from 'node:worker_threads'
      parentPort.postMessage(twice(4))`,
    )
    write('src/twice.js', 'export const twice = (n) => 2 * n')
    write(
      'src/functions.ts',
      `import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import native from 'native'
export const answer = (): string => native.answer()
export const rates = (): string => readFileSync(new URL('./data/rates.csv', import.meta.url), 'utf8')
export const read = (name: string): string => readFileSync(import.meta.dirname + '/' + name, 'utf8')
export const thread = () => new Promise((resolve, reject) =>
  new Worker(new URL('./thread.js', import.meta.url)).once('message', resolve).once('error', reject))
export const place = (): string => import.meta.dirname
export function fail(): never { throw new Error('told') }`,
    )
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  const options = () => ({ functions: join(project, 'src/functions.ts'), files: ['models/*.bin'] })
  const kept = (): string[] => readdirSync(join(scene.folder, 'bundles-far')).sort()

  for (const fabric of FABRICS) {
    test(`brings what its functions load, over ${fabric}`, async () => {
      await using lease = await cluster.lease({ ...options(), fabric })
      const { answer, rates, read, thread, place, fail } = lease.call
      assert.equal(await answer!(), 'hi 42')
      assert.equal(await rates!(), 'EUR,1')
      assert.equal(await read!('models/a #1.bin'), 'a model')
      await assert.rejects(read!('models/b.txt'), /ENOENT/)
      assert.equal(await thread!(), 8)
      assert.match(String(await place!()), /bundles-far\/[0-9a-f]{64}\.folder\/files\/src$/)
      await assert.rejects(fail!(), ({ cause }: Error) => {
        const line = `${join(project, 'src/functions.ts')}:10:39`
        assert.ok(String((cause as Error).stack).includes(line), (cause as Error).stack)
        return true
      })
    })
  }

  test('is sent once, and anew when one of its files has changed', async () => {
    const [before] = kept()
    {
      await using lease = await cluster.lease(options())
      assert.equal(lease.timings.uploadMs, 0)
    }
    assert.deepEqual(kept(), [before])
    appendFileSync(join(project, 'src/data/rates.csv'), ' USD,2')
    await using lease = await cluster.lease(options())
    assert.equal(await lease.call['rates']!(), 'EUR,1 USD,2')
    assert.equal(kept().length, 2)
  })

  test('runs in place, and nothing is copied, on a node that sees the files', async () => {
    await scene.node(cluster.url, 'near')
    await using lease = await cluster.lease({ ...options(), nodeId: 'near' })
    assert.equal(await lease.call['place']!(), join(project, 'src'))
    assert.equal(await lease.call['answer']!(), 'hi 42')
    const names = readdirSync(join(scene.folder, 'bundles-near'))
    assert.match(names.join(), /^[0-9a-f]{64}\.mjs$/)
  })

  test('is refused with what to do when files names nothing', async () => {
    await assert.rejects(cluster.lease({ ...options(), files: ['models/*.onnx'] }), {
      code: 'invalid_argument',
      message: /files: nothing in .*\/src is named "models\/\*\.onnx"$/,
    })
  })
})
