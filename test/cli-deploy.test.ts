/** rfaas deploy, functions, undeploy, and invoke by name: what they print, for people and for programs. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { rfaas } from './cli-process.ts'
import { Scene } from './harness/scene.ts'

let scene: Scene
let url: string
before(async () => {
  scene = new Scene()
  url = (await scene.embedded()).url
})
after(() => scene[Symbol.asyncDispose]())

const run = (...args: string[]) => rfaas([...args, '--manager', url], { cwd: scene.folder })
const good = (stdout: string) => ({ code: 0, signal: null, stdout, stderr: '' })

test('deploy, functions, invoke by name, undeploy', async () => {
  const write = (factor: number): void =>
    writeFileSync(join(scene.folder, 'pricing.ts'), `export const price = (x: number) => ${factor} * x`)
  write(2)
  const first = await run('deploy', 'pricing.ts', '--name', 'pricing')
  assert.match(first.stdout, /^Deployed pricing@1: price \(\d+(\.\d+)? \w+\)\.\n$/)
  assert.deepEqual(first, good(first.stdout))
  write(30)
  const second = await run('deploy', 'pricing.ts', '--name', 'pricing', '--json')
  const { bytes, sha256, deployedUnixMs, ...rest } = JSON.parse(second.stdout) as Record<string, unknown>
  assert.deepEqual(rest, { name: 'pricing', version: 2, functions: [{ name: 'price', raw: false }], isNew: true })
  const [called, listed] = await Promise.all([
    run('invoke', 'pricing@1', 'price', '--data', '4'),
    run('functions', '--json'),
  ])
  assert.deepEqual(called, good('8\n'))
  const versions = JSON.parse(listed.stdout) as object[]
  assert.equal(versions.length, 2)
  const { isNew: _, ...known } = rest
  assert.deepEqual(versions[1], { ...known, sha256, bytes, deployedUnixMs })
  assert.deepEqual(await run('undeploy', 'pricing'), good('Removed pricing@1, pricing@2.\n'))
  assert.deepEqual(await run('undeploy', 'pricing@1'), {
    code: 1,
    signal: null,
    stdout: '',
    stderr: 'rfaas: Cannot undeploy pricing@1: no functions are deployed as pricing [not_found]\n',
  })
})
