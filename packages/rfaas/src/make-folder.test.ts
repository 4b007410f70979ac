import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtempDisposable, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from './make-folder.ts'

test('makes a folder and those above it for this user alone, and again', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-folder-'))
  const path = join(folder.path, 'a/b/c')
  makeFolder(path)
  makeFolder(path)
  for (const name of ['a', 'a/b', 'a/b/c']) assert.equal((await stat(join(folder.path, name))).mode & 0o777, 0o700)
})

test('leaves a folder that is there as it is', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-folder-'))
  await mkdir(join(folder.path, 'open'))
  await chmod(join(folder.path, 'open'), 0o755)
  makeFolder(join(folder.path, 'open'))
  assert.equal((await stat(join(folder.path, 'open'))).mode & 0o777, 0o755)
  makeFolder('/')
})

test('fails where no folder can be made, and ends', { timeout: 10_000 }, async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-folder-'))
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  assert.throws(() => makeFolder(file), { code: 'EEXIST' })
  assert.throws(() => makeFolder(join(file, 'a/b')), { code: 'ENOTDIR' })
  assert.throws(() => makeFolder('/dev/null/a'), { code: 'ENOTDIR' })
  assert.throws(() => makeFolder('/proc/a/b'), { code: 'ENOENT' })
  assert.throws(() => makeFolder('/proc/self/a/b'), { code: 'ENOENT' })
})
