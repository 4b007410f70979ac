import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { findFunctions, stageFunction } from './stage.ts'

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'rfaas-sebs-stage-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

test('findFunctions finds those that are there, and says what it wants when there is none', async (t) => {
  const from = await folder(t)
  await mkdir(join(from, 'benchmarks/100.webapps/110.one/nodejs'), { recursive: true })
  assert.throws(() => findFunctions(from, ['110.one']), {
    code: 'invalid_argument',
    message:
      /^invalid_argument: Cannot run SeBS: \/.* has none of its functions, such as .*110\.one\/nodejs\/function\.js;/,
  })
  await writeFile(join(from, 'benchmarks/100.webapps/110.one/nodejs/function.js'), '')
  assert.deepEqual(
    [...findFunctions(from, ['110.one', '120.two'])],
    [['110.one', join(from, 'benchmarks/100.webapps/110.one/nodejs')]],
  )
})

test('stageFunction copies the function with what is beside it, adds the stand-ins, and forgets what was there', async (t) => {
  const [source, stage] = [await folder(t), await folder(t)]
  await writeFile(join(source, 'function.js'), 'exports.handler = 1')
  await mkdir(join(source, 'templates'))
  await writeFile(join(source, 'templates/a.html'), 'a')
  await writeFile(join(source, 'package.json'), '{ "version": "1.0.0" }')
  await writeFile(join(source, `package.json.${process.versions.node.split('.')[0]}`), '{ "version": "2.0.0" }')
  await writeFile(join(stage, 'old.js'), '')

  assert.equal(await stageFunction(source, stage), join(stage, 'entry.mjs'))
  assert.equal(await readFile(join(stage, 'function.js'), 'utf8'), 'exports.handler = 1')
  assert.equal(await readFile(join(stage, 'templates/a.html'), 'utf8'), 'a')
  assert.equal(JSON.parse(await readFile(join(stage, 'package.json'), 'utf8')).version, '2.0.0')
  const names = await readdir(stage)
  assert.ok(names.includes('storage.js') && names.includes('nosql.js') && !names.includes('old.js'))
  assert.ok(!(await readdir(source)).includes('node_modules'))
})
