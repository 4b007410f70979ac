/** What a packed bundle has in it. */
import assert from 'node:assert/strict'
import { chmod, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { decodeManifest, manifestName } from '../../control/bundle-manifest.ts'
import { bundle } from './bundle.ts'
import { testFolder } from './test-folder.ts'

describe('a packed bundle', () => {
  const here = testFolder()
  const { file } = here

  async function packed(path: string, files: string[] = []) {
    const { pack } = await bundle(path, { files })
    assert.ok(pack)
    const made = await pack()
    const { files: all, links } = decodeManifest(made.manifest)
    const slices: Buffer[] = []
    for await (const slice of made.slices()) slices.push(Buffer.from(slice))
    return { ...made, paths: all.map((each) => each.path), files: all, links, bytes: Buffer.concat(slices) }
  }

  it('is not needed for a module that is whole by itself', async () => {
    const { pack, places } = await bundle(await file('whole.ts', 'export const one = () => 1'))
    assert.equal(pack, null)
    assert.deepEqual(places, [])
  })

  it('has a package with what it needs, once, in spite of links in circles; not what others need', async () => {
    const place = 'a/node_modules'
    const needs = (name: string, dependencies: object): Promise<string> =>
      file(
        `${place}/${name}/package.json`,
        JSON.stringify({ name, dependencies, optionalDependencies: { absent: '1' } }),
      )
    await needs('one', { two: '1' })
    await file(`${place}/one/index.js`, `exports.where = __dirname; require('two')`)
    await needs('two', { one: '1', three: '1' })
    await file(`${place}/two/index.js`, '')
    await file(`${place}/two/node_modules/three/index.js`, '')
    await file(`${place}/three/index.js`, 'another version')
    await file(`${place}/two/tool`, '#!/bin/sh')
    await chmod(join(here.path, place, 'two/tool'), 0o755)
    await symlink('.', join(here.path, place, 'two/self'))
    const { paths, files, sha256, manifest, bytes, totalBytes } = await packed(
      await file('a/main.ts', `import { where } from 'one'; export const at = () => where`),
    )
    assert.deepEqual(paths, [
      'module.mjs',
      'files/node_modules/one/index.js',
      'files/node_modules/one/package.json',
      'files/node_modules/two/index.js',
      'files/node_modules/two/node_modules/three/index.js',
      'files/node_modules/two/package.json',
      'files/node_modules/two/tool',
    ])
    assert.deepEqual(
      files.filter(({ isExecutable }) => isExecutable).map(({ path }) => path),
      ['files/node_modules/two/tool'],
    )
    assert.equal(sha256, manifestName(manifest))
    assert.equal(bytes.byteLength, totalBytes)
    assert.ok(bytes.toString().includes('from "./files/node_modules/one/index.js"'))
  })

  it('has the files that modules mention, with what scripts among them import', async () => {
    await file('b/package.json', '{ "type": "module" }')
    await file('b/lib/data.txt', 'data')
    await file('b/lib/unnamed.txt', '')
    await file('b/node_modules/used/index.js', '')
    await file('b/node_modules/required/index.js', '')
    await file('b/lib/thread.js', `import './more.js'; import 'used'`)
    await file('b/lib/more.js', `new URL('./deep/file.txt', import.meta.url)`)
    await file('b/lib/deep/file.txt', '')
    await file(
      'b/lib/inner.ts',
      `import { createRequire } from 'node:module'
       const require = createRequire(import.meta.url)
       export const thread = import.meta.resolve('./thread.js'), data = import.meta.dirname + '/data.txt'
       export const required = () => require('required')`,
    )
    const { paths } = await packed(await file('b/main.ts', `export * from './lib/inner.ts'`), ['lib/un*.txt'])
    assert.deepEqual(paths.slice(1), [
      'files/lib/data.txt',
      'files/lib/deep/file.txt',
      'files/lib/inner.ts',
      'files/lib/more.js',
      'files/lib/thread.js',
      'files/lib/unnamed.txt',
      'files/node_modules/required/index.js',
      'files/node_modules/used/index.js',
      'files/package.json',
    ])
  })

  it('has the same name as long as nothing in it changes, and is refused when a file shrinks while it is sent', async () => {
    const path = await file('c/main.ts', `export const at = () => new URL('./note.txt', import.meta.url)`)
    await file('c/note.txt', 'some text')
    const first = await packed(path)
    assert.equal((await packed(path)).sha256, first.sha256)
    await file('c/note.txt', 'some test')
    assert.notEqual((await packed(path)).sha256, first.sha256)
    await file('c/note.txt', 'some')
    await assert.rejects(Array.fromAsync(first.slices()), {
      code: 'module_failed',
      message: /note\.txt changed meanwhile: it has 4 bytes instead of 9$/,
    })
  })
})
