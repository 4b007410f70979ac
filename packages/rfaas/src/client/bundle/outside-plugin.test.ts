/** What a bundle leaves where it is: packages that work only there, and the files beside the user's modules. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { bundle } from './bundle.ts'
import { testFolder } from './test-folder.ts'

type Functions = Record<string, (...values: unknown[]) => unknown>

describe('a bundle leaves where it is', () => {
  const here = testFolder()
  const { file } = here

  /** Writes a package: its package.json, with the name, and other files. */
  async function installed(name: string, manifest: object, files: Record<string, string>): Promise<void> {
    const place = `node_modules/${name}`
    await file(`${place}/package.json`, JSON.stringify({ name, ...manifest }))
    for (const [path, text] of Object.entries(files)) await file(`${place}/${path}`, text)
  }

  async function bundled(path: string, external: string[] = []): Promise<{ text: string; functions: Functions }> {
    const { code, sha256 } = await bundle(path, { external })
    const text = Buffer.from(code).toString()
    const placed = await file(`node/${sha256}.mjs`, text)
    return { text, functions: (await import(pathToFileURL(placed).href)) as Functions }
  }

  it('a package that reads a file of its own, required or imported', async () => {
    const reads = `require('node:fs').readFileSync(require('node:path').join(__dirname, 'data/greeting.txt'), 'utf8')`
    await installed('reads', {}, { 'index.js': `exports.greeting = () => ${reads}`, 'data/greeting.txt': 'salut' })
    await installed('needs-it', {}, { 'index.js': `exports.greet = () => require('reads').greeting()` })
    await installed(
      'by-url',
      { type: 'module', exports: './main.js' },
      {
        'main.js': `export { greeting } from './inner.js'`,
        'inner.js': `import { readFileSync } from 'node:fs'
                     export const greeting = readFileSync(new URL('./hello.txt', import.meta.url), 'utf8')`,
        'hello.txt': 'hello',
      },
    )
    const { functions, text } = await bundled(
      await file(
        'reading.ts',
        `import { greet } from 'needs-it'
         import { greeting } from 'by-url'
         export const all = () => greet() + ' ' + greeting`,
      ),
    )
    assert.equal(functions['all']?.(), 'salut hello')
    assert.ok(text.includes(`"${pathToFileURL(join(here.path, 'node_modules/by-url/main.js')).href}"`))
  })

  it('a package with native code, by what its package.json says', async () => {
    const main = {
      'index.js': 'exports.state = globalThis[Symbol.for("rfaas.test")] ??= { loads: 0 }; exports.state.loads++',
    }
    await installed('by-helper', { dependencies: { 'node-gyp-build': '^4' } }, main)
    await installed('by-gyp', {}, { ...main, 'binding.gyp': '{}' })
    await installed('@it/by-platform', { optionalDependencies: { '@it/addon-linux-x64': '1' } }, main)
    await installed('plain', { dependencies: { linux: '1' } }, { 'index.js': 'exports.plain = 1' })
    const { text } = await bundled(
      await file(
        'native.ts',
        `import a from 'by-helper'; import b from 'by-gyp'; import c from '@it/by-platform'; import d from 'plain'
         export const all = () => [a, b, c, d]`,
      ),
    )
    const outside = [...text.matchAll(/from "file:[^"]*\/node_modules\/([^"]*)\/index.js"/g)].map(([, name]) => name)
    assert.deepEqual(outside.sort(), ['@it/by-platform', 'by-gyp', 'by-helper'])
  })

  it('a package that is named as external: it is the same instance as that of others', async () => {
    await installed('stateful', {}, { 'index.js': 'exports.state = { count: 0 }' })
    const path = await file('external.ts', `import { state } from 'stateful'; export const next = () => ++state.count`)
    assert.equal((await bundled(path)).functions['next']?.(), 1)
    const { state } = (await import(pathToFileURL(join(here.path, 'node_modules/stateful/index.js')).href)) as {
      state: { count: number }
    }
    state.count = 41
    assert.equal((await bundled(path, ['stateful'])).functions['next']?.(), 42)
  })

  it('nothing of a package that is not installed: its import fails when it is reached', async () => {
    await installed(
      'with-drivers',
      {},
      { 'index.js': `exports.driver = (name) => name === 'no' ? 0 : require('no-driver')` },
    )
    const { functions } = await bundled(
      await file(
        'drivers.ts',
        `import { driver } from 'with-drivers'
         export const use = (name: string): unknown => driver(name)
         export const lazily = async (): Promise<unknown> => import('not-there')`,
      ),
    )
    assert.equal(functions['use']?.('no'), 0)
    assert.throws(() => functions['use']?.('yes'), {
      code: 'MODULE_NOT_FOUND',
      message: /^Cannot find package 'no-driver' imported from .*with-drivers.index\.js; it was not installed when/,
    })
    await assert.rejects(functions['lazily']?.() as Promise<unknown>, /Cannot find package 'not-there' imported from /)
  })

  it('the files beside each module of the user', async () => {
    await file('beside/rates.csv', 'EUR,1')
    await file('beside/lib/note.txt', 'a note')
    await file('beside/lib/plugin.ts', `export const run = (): string => 'a plugin'`)
    await file('beside/lib/thread.mjs', `import { parentPort } from 'node:worker_threads'; parentPort.postMessage(7)`)
    await file('beside/lib/common.cjs', `exports.where = () => [__dirname, __filename, require.resolve('./note.txt')]`)
    await file(
      'beside/lib/inner.ts',
      `import { readFileSync } from 'node:fs'
       import { createRequire } from 'node:module'
       import { Worker } from 'node:worker_threads'
       export { where } from './common.cjs'
       export const note = () => readFileSync(import.meta.dirname + '/note.txt', 'utf8')
       export const é = 'é'; export const plugin = async (name: string) => (await import(/* it */ './' + name)).run()
       export const named = async (path: string) => (await import(path)).run()
       export const thread = () => new Promise((resolve, reject) =>
         new Worker(new URL('./thread.mjs', import.meta.url)).once('message', resolve).once('error', reject))
       export const common = (name: string) => createRequire(import.meta.url)(name).where()[0]
       export const resolved = () => import.meta.resolve('./note.txt')`,
    )
    const { functions } = await bundled(
      await file(
        'beside/main.ts',
        `import { readFileSync } from 'node:fs'
         export * from './lib/inner.ts'
         export const rates = () => readFileSync(new URL('./rates.csv', import.meta.url), 'utf8')
         export const places = () => [import.meta.filename, import.meta.dirname]`,
      ),
    )
    const lib = join(here.path, 'beside/lib')
    const call = (name: string, ...values: unknown[]): unknown => functions[name]?.(...values)
    assert.equal(call('rates'), 'EUR,1')
    assert.deepEqual(call('places'), [join(here.path, 'beside/main.ts'), join(here.path, 'beside')])
    assert.equal(call('note'), 'a note')
    assert.equal(await call('plugin', 'plugin.ts'), 'a plugin')
    assert.equal(await call('named', './plugin.ts'), 'a plugin')
    assert.equal(await call('thread'), 7)
    assert.deepEqual(call('where'), [lib, join(lib, 'common.cjs'), join(lib, 'note.txt')])
    assert.equal(call('common', './common.cjs'), lib)
    assert.equal(call('resolved'), pathToFileURL(join(lib, 'note.txt')).href)
  })
})
