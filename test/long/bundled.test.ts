/** A program that has rfaas inside its own bundle is told that rfaas must stay outside, whatever it does first. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Scene } from '../harness/scene.ts'
import { UserFolder } from '../user-folder.ts'

const functions = new URL('../harness/functions.ts', import.meta.url).href
const index = fileURLToPath(import.meta.resolve('rfaas'))

const PROGRAM = `
import { connect, local } from ${JSON.stringify(index)}
const refusals = []
await local({ cores: 1, pool: 0 }).catch((error) => refusals.push(error.message))
const cluster = await connect(process.argv[2])
await cluster.lease({ functions: ${JSON.stringify(functions)} }).catch((error) => refusals.push(error.message))
await cluster.close()
console.log(JSON.stringify(refusals))
`
const REQUIRE = `import { createRequire as ours } from 'node:module'; const require = ours(import.meta.url)`

for (const [what, banner] of [
  ['an ECMAScript module', REQUIRE],
  ['one that declares the names of CommonJS', `${REQUIRE}; const __filename = import.meta.filename`],
] as const) {
  test(`bundled into ${what}: local() and lease() say that rfaas must stay outside`, async () => {
    await using scene = new Scene()
    const manager = await scene.manager()
    await scene.node(manager.url, 'node-1')
    using folder = mkdtempDisposableSync(join(tmpdir(), 'rfaas-bundled-'))
    const outfile = join(folder.path, 'app.mjs')
    const stdin = { contents: PROGRAM, resolveDir: import.meta.dirname }
    await build({ stdin, bundle: true, platform: 'node', format: 'esm', outfile, banner: { js: banner } })
    const { status, stdout, stderr } = spawnSync(process.execPath, [outfile, manager.url], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const refusals = JSON.parse(stdout) as string[]
    assert.equal(refusals.length, 2)
    for (const message of refusals) {
      assert.match(
        message,
        /^unsupported: Cannot [^\n]* rfaas must stay outside of your own bundle \(esbuild: --packages=external/,
      )
    }
  })
}

test('a module that leases while it is loaded as functions is told about import.meta.main', async () => {
  await using _ = new Scene()
  using user = new UserFolder()
  user.write(
    'program.mts',
    `import { local } from 'rfaas'
     export const one = (): number => 1
     await using cluster = await local({ cores: 1, pool: 0 })
     await cluster.lease({ functions: import.meta.url }).catch((error) => console.log(error.message))`,
  )
  const { stdout, stderr } = user.node('program.mts')
  assert.match(stdout, /^module_failed: .*put the program into `if \(import\.meta\.main\) { … }`/, stderr)
})
