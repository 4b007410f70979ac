import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { install } from './install.ts'

/** A folder whose one dependency lies in it, so that no registry is needed. */
async function folderWith(t: TestContext, dependency: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rfaas-bench-install-'))
  t.after(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'here'))
  const dependencies = { here: dependency }
  const packages = {
    '': { name: 'peer', dependencies },
    here: { version: '1.0.0' },
    'node_modules/here': { resolved: 'here', link: true },
  }
  const lock = { name: 'peer', lockfileVersion: 3, requires: true, packages }
  await writeFile(join(folder, 'here/package.json'), JSON.stringify({ name: 'here', version: '1.0.0' }))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'peer', private: true, dependencies }))
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock))
  return folder
}

test('install brings what the lock file says, and does nothing when it is there', async (t) => {
  const folder = await folderWith(t, 'file:here')
  assert.equal(await install(pathToFileURL(folder)), null)
  assert.ok(existsSync(join(folder, 'node_modules/here/package.json')))

  const mark = join(folder, 'node_modules/mark')
  await writeFile(mark, '')
  assert.equal(await install(pathToFileURL(folder)), null)
  assert.ok(existsSync(mark), 'npm ci, which begins by deleting node_modules, ran again')
})

test('install runs again when the lock file has changed', async (t) => {
  const folder = await folderWith(t, 'file:here')
  assert.equal(await install(pathToFileURL(folder)), null)
  const mark = join(folder, 'node_modules/mark')
  await writeFile(mark, '')
  await writeFile(join(folder, 'package-lock.json'), `${readFileSync(join(folder, 'package-lock.json'), 'utf8')}\n`)
  assert.equal(await install(pathToFileURL(folder)), null)
  assert.ok(!existsSync(mark))
})

test('install says in one sentence why it did not come about', async (t) => {
  const folder = await folderWith(t, '^2.0.0')
  const reason = await install(pathToFileURL(folder))
  assert.match(reason!, /^npm ci ended with 1: \S.+$/)
  assert.ok(!existsSync(join(folder, 'node_modules/.installed-lock.json')))
})
