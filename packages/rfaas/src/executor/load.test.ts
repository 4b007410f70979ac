import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { loadFunctions } from './load.ts'

describe('loadFunctions', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-load-'))))
  after(() => rm(folder, { recursive: true }))

  async function module(name: string, text: string): Promise<string> {
    const path = join(folder, name)
    await writeFile(path, text)
    return path
  }

  test('gives the exported functions by name, raw ones as such, and nothing else', async () => {
    const path = await module(
      'good.mjs',
      `const RAW = Symbol.for('rfaas.raw')
       export const zebra = () => 'z'
       export const bytes = Object.assign((input) => input.length, { [RAW]: true })
       export const number = 42
       export default async function () { return 'd' }`,
    )
    const functions = await loadFunctions(path)
    assert.deepEqual(
      functions.map(({ name, raw }) => [name, raw]),
      [
        ['bytes', true],
        ['default', false],
        ['zebra', false],
      ],
    )
    const zebra = functions[2]!
    assert.equal(zebra.raw ? null : zebra.call(), 'z')
  })

  test('gives the functions of a default object by their names, with it as `this`', async () => {
    const path = await module(
      'object.mjs',
      `const RAW = Symbol.for('rfaas.raw')
       export default { three: 3, half(n) { return n / 2 }, quarter(n) { return this.half(n) / 2 },
         bytes: Object.assign(() => 0, { [RAW]: true }) }`,
    )
    const functions = await loadFunctions(path)
    assert.deepEqual(
      functions.map(({ name, raw }) => [name, raw]),
      [
        ['bytes', true],
        ['half', false],
        ['quarter', false],
      ],
    )
    assert.equal(functions[2]!.raw ? null : functions[2]!.call(8), 2)
  })

  test('gives a default function and those that are properties of it; beside other exports only itself', async () => {
    const names = async (path: string): Promise<string[]> => (await loadFunctions(path)).map(({ name }) => name)
    const alone = await module('alone.mjs', `export default Object.assign((a) => a, { twice: (a) => 2 * a })`)
    assert.deepEqual(await names(alone), ['default', 'twice'])
    const beside = await module('beside.mjs', `export const one = () => 1; export default { two: () => 2 }`)
    assert.deepEqual(await names(beside), ['one'])
  })

  test('a module that throws, or that has no function, is module_failed with the reason', async () => {
    const throws = await module('throws.mjs', `throw new RangeError('not today')`)
    await assert.rejects(loadFunctions(throws), { code: 'module_failed', message: /not today/ })
    const inner = await module('inner.mjs', `\nthrow new RangeError('not here')`)
    const outer = await module('outer.mjs', `export * from './inner.mjs'`)
    const place = `Cannot load the functions: ${inner}:2:7: not here`
    await assert.rejects(loadFunctions(outer), { code: 'module_failed', message: `module_failed: ${place}` })
    const rejects = await module('rejects.mjs', `await Promise.reject('no error at all'); export const f = () => {}`)
    await assert.rejects(loadFunctions(rejects), { code: 'module_failed', message: /no error at all/ })
    const empty = await module('empty.mjs', `console.assert(true)`)
    await assert.rejects(loadFunctions(empty), { code: 'module_failed', message: /exports no function, only nothing/ })
    const constants = await module('constants.mjs', `export const a = 1, b = {}`)
    await assert.rejects(loadFunctions(constants), { code: 'module_failed', message: /only a, b/ })
  })

  test('says which package is gone that the bundle loads from where its client has it', async () => {
    const path = join(folder, 'elsewhere/node_modules/@it/addon/main.js')
    const outside = await module(
      'outside.mjs',
      `import it from ${JSON.stringify(pathToFileURL(path).href)}; export const f = it`,
    )
    const reason = `the package @it/addon is not bundled but loaded from ${path}, which is gone`
    await assert.rejects(loadFunctions(outside), { code: 'module_failed', message: new RegExp(reason) })
  })

  test('says which package did not travel in a packed bundle, and how to bring it', async () => {
    const needs = async (at: string, name: string): Promise<string> => {
      await mkdir(join(folder, at))
      return module(`${at}/module.mjs`, `import '${name}'; export const f = () => 1`)
    }
    await assert.rejects(loadFunctions(await needs('undeclared', '@it/helper/inner.js')), {
      code: 'module_failed',
      message:
        /the package @it\/helper was not found where the functions were leased, .*files: \['node_modules\/@it\/helper'\]$/,
    })
    await assert.rejects(loadFunctions(await needs('platform', '@it/addon-linux-arm64')), {
      code: 'module_failed',
      message: /install it there \(npm install --os=linux --cpu=\w+ --libc=\w+ @it\/addon-linux-arm64\)$/,
    })
  })
})
