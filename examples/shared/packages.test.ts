import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { installPackages } from './packages.ts'

const HERE = { here: { version: '1.0.0' }, 'node_modules/here': { resolved: 'here', link: true } }

/** A folder whose one dependency lies in it, so that no registry is needed, unless the lock file says otherwise. */
async function folderWith(t: TestContext, dependency: string, locked: object = HERE): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rfaas-packages-'))
  t.after(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'here'))
  const dependencies = { here: dependency }
  const packages = { '': { name: 'program', dependencies }, ...locked }
  const lock = { name: 'program', lockfileVersion: 3, requires: true, packages }
  await writeFile(join(folder, 'here/package.json'), JSON.stringify({ name: 'here', version: '1.0.0' }))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'program', private: true, dependencies }))
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(lock))
  return folder
}

const urlOf = (folder: string): URL => pathToFileURL(`${folder}/`)

/** Installs; whether npm ran. */
async function install(folder: string): Promise<boolean> {
  let ran = false
  await installPackages(urlOf(folder), { onInstall: () => (ran = true) })
  return ran
}

test('installPackages brings what the lock file says, and does nothing when it is there', async (t) => {
  const folder = await folderWith(t, 'file:here')
  assert.ok(await install(folder))
  assert.ok(existsSync(join(folder, 'node_modules/here/package.json')))

  const mark = join(folder, 'node_modules/mark')
  await writeFile(mark, '')
  assert.ok(!(await install(folder)))
  assert.ok(existsSync(mark), 'npm ci, which begins by deleting node_modules, ran again')
})

test('installPackages runs npm again when the lock file has changed', async (t) => {
  const folder = await folderWith(t, 'file:here')
  await install(folder)
  const mark = join(folder, 'node_modules/mark')
  await writeFile(mark, '')
  await writeFile(join(folder, 'package-lock.json'), `${readFileSync(join(folder, 'package-lock.json'), 'utf8')}\n`)
  assert.ok(await install(folder))
  assert.ok(!existsSync(mark))
})

test('installPackages needs no lock file, and writes none', async (t) => {
  const folder = await folderWith(t, 'file:here')
  await rm(join(folder, 'package-lock.json'))
  assert.ok(await install(folder))
  assert.ok(existsSync(join(folder, 'node_modules/here/package.json')))
  assert.ok(!existsSync(join(folder, 'package-lock.json')))
  assert.ok(!(await install(folder)))
})

test('installPackages, called by several at once, runs npm once', async (t) => {
  const folder = await folderWith(t, 'file:here')
  const ran = await Promise.all([1, 2, 3].map(() => install(folder)))
  assert.equal(ran.filter(Boolean).length, 1)
  assert.ok(existsSync(join(folder, 'node_modules/here/package.json')))
})

test('installPackages says in one sentence why npm refuses', async (t) => {
  const folder = await folderWith(t, '^2.0.0')
  await assert.rejects(install(folder), {
    code: 'internal',
    message: /^internal: Cannot install the packages of rfaas-packages-\w+: npm ci ended with 1: \S.+$/,
  })
  assert.ok(!existsSync(join(folder, 'node_modules/.installed-lock.json')))
})

test('installPackages says that the registry cannot be reached', async (t) => {
  // A port that nobody listens on: it was free a moment ago.
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const resolved = `http://127.0.0.1:${(server.address() as AddressInfo).port}/here-1.0.0.tgz`
  server.close()
  const integrity = `sha512-${Buffer.alloc(64).toString('base64')}`
  const folder = await folderWith(t, '1.0.0', { 'node_modules/here': { version: '1.0.0', resolved, integrity } })
  await writeFile(join(folder, '.npmrc'), 'replace-registry-host=never\n')
  await assert.rejects(install(folder), {
    code: 'unsupported',
    message: /^unsupported: Cannot install the packages of rfaas-packages-\w+: the registry cannot be reached: \S.+$/,
  })
})
