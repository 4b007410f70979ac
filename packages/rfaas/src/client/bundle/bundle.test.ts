import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

import { RfaasError } from '../../errors.ts'
import { isRaw } from '../../raw.ts'
import { bundle } from './bundle.ts'
import { testFolder } from './test-folder.ts'

const run = promisify(execFile)

type Functions = Record<string, (...values: unknown[]) => unknown>

describe('bundle', () => {
  const here = testFolder()
  const { file } = here

  /** Bundles, puts the bundle where a node would, and imports it here. */
  async function load(functions: string | URL): Promise<Functions> {
    const { code, sha256 } = await bundle(functions)
    const path = await file(`node/${sha256}.mjs`, Buffer.from(code).toString())
    return (await import(pathToFileURL(path).href)) as Functions
  }

  it('takes TypeScript, other files of the caller and JSON', async () => {
    await file('a/rates.json', '{ "eur": 2 }')
    await file('a/double.ts', 'export const double = (n: number): number => n * 2')
    const path = await file(
      'a/main.ts',
      `import rates from './rates.json' with { type: 'json' }
       import { double } from './double.ts'
       export function inEur(value: number): number { return double(value) * rates.eur }`,
    )
    assert.equal((await load(path))['inEur']?.(3), 12)
  })

  it('names the bundle by the SHA-256 of its code', async () => {
    const { sha256, code } = await bundle(await file('hash.ts', 'export const one = () => 1'))
    assert.equal(sha256, createHash('sha256').update(code).digest('hex'))
  })

  it('takes a URL, the text of a URL, an absolute and a relative path, all alike', async () => {
    const path = await file('same.ts', 'export const one = () => 1')
    const url = pathToFileURL(path)
    const hashes = new Set<string>()
    for (const functions of [path, url, url.href]) hashes.add((await bundle(functions)).sha256)
    const script = `import { bundle } from ${JSON.stringify(import.meta.resolve('./bundle.ts'))}
      console.log((await bundle('./same.ts')).sha256)`
    const elsewhere = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: here.path })
    hashes.add(elsewhere.stdout.trim())
    assert.equal(hashes.size, 1)
  })

  it('bundles npm dependencies, CommonJS ones that require node modules among them', async () => {
    await file('b/node_modules/commonjs/package.json', '{ "name": "commonjs", "main": "index.js" }')
    await file(
      'b/node_modules/commonjs/index.js',
      `const { basename } = require('path')
       const os = require('node:os')
       exports.base = (path) => basename(path)
       exports.lazy = (name) => require(name).join('a', 'b') + os.EOL`,
    )
    await file('b/node_modules/esm/package.json', '{ "name": "esm", "type": "module", "exports": "./main.js" }')
    await file('b/node_modules/esm/main.js', 'export default (n) => n + 1')
    const path = await file(
      'b/main.ts',
      `import { base, lazy } from 'commonjs'
       import next from 'esm'
       import { createRequire } from 'node:module'
       import { sep } from 'node:path'
       const require = createRequire(import.meta.url)
       export const all = () => [base('x/y'), lazy('node:path'), next(1), sep, typeof require('node:fs').statSync]`,
    )
    assert.deepEqual((await load(path))['all']?.(), ['y', 'a/b\n', 2, '/', 'function'])
  })

  it('bundles rfaas/functions: raw functions are known as raw to another copy of rfaas', async () => {
    await mkdir(join(here.path, 'c/node_modules'), { recursive: true })
    await symlink(resolve(import.meta.dirname, '../../..'), join(here.path, 'c/node_modules/rfaas'))
    const path = await file(
      'c/main.ts',
      `import { raw } from 'rfaas/functions'
       export const echo = raw((input, output) => { output.set(input); return input.length })
       export const plain = () => 1`,
    )
    const functions = await load(path)
    assert.equal(isRaw(functions['echo']), true)
    assert.equal(isRaw(functions['plain']), false)
  })

  it('keeps stack traces on the lines of the sources', async () => {
    const path = await file(
      'd/throws.ts',
      `interface Removed { byTheBundler: true }
export function fail(): never {
  const told: Removed | string = 'told'
  throw new Error(String(told))
}`,
    )
    const { code } = await bundle(path)
    const placed = await file('d/node/bundle.mjs', Buffer.from(code).toString())
    const script = `import { fail } from ${JSON.stringify(placed)}
      try { fail() } catch (error) { console.log(error.stack) }`
    const { stdout } = await run(process.execPath, ['--enable-source-maps', '--input-type=module', '-e', script])
    assert.ok(stdout.includes(`${path}:4:9`), stdout)
  })

  it('leaves out what the module does as a program, and rfaas, which only that needs', async () => {
    await mkdir(join(here.path, 'both/node_modules'), { recursive: true })
    await symlink(resolve(import.meta.dirname, '../../..'), join(here.path, 'both/node_modules/rfaas'))
    const path = await file(
      'both/program.ts',
      `import { local } from 'rfaas'
       export const one = () => 1
       if (import.meta.main) {
         await using cluster = await local()
         console.log(cluster.url)
       }`,
    )
    assert.equal((await load(path))['one']?.(), 1)
    const { code } = await bundle(path)
    assert.ok(code.byteLength < 4096, `${code.byteLength} bytes`)
  })

  it('throws module_failed with file, line and column for a syntax error', async () => {
    const path = await file('e/bad.ts', 'export const one = 1\nexport const two = = 2\n')
    await assert.rejects(bundle(path), (error) => {
      assert.ok(error instanceof RfaasError)
      assert.equal(error.code, 'module_failed')
      assert.ok(error.message.includes(`${path}:2:20: Unexpected "="`), error.message)
      return true
    })
  })

  it('throws module_failed for an import that is not installed, in the file that imports it', async () => {
    await file('f/inner.ts', '\n  import x from "not-installed-anywhere"\n  export const y = x')
    const path = await file('f/main.ts', 'export { y } from "./inner.ts"')
    await assert.rejects(bundle(path), (error) => {
      assert.ok(error instanceof RfaasError)
      assert.ok(error.message.startsWith('module_failed: Cannot bundle functions: '), error.message)
      assert.ok(error.message.includes(`${join(here.path, 'f/inner.ts')}:2:17: Could not resolve`), error.message)
      return true
    })
  })

  it('throws module_failed for a module without exports', async () => {
    const path = await file('g.ts', 'console.log(1)')
    await assert.rejects(
      bundle(path),
      new RfaasError('module_failed', `Cannot bundle functions: ${path} exports nothing`),
    )
  })

  it('throws invalid_argument for a file that is not there, a folder, and a URL that is no file', async () => {
    for (const functions of [
      join(here.path, 'nowhere.ts'),
      here.path,
      new URL('https://example.org/a.ts'),
      'file://host/a',
    ]) {
      await assert.rejects(bundle(functions), { code: 'invalid_argument' })
    }
  })
})
