import assert from 'node:assert/strict'
import { mkdtempDisposable, mkdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultCacheDir } from './default-cache.ts'

/** Runs with these variables of the environment; undefined takes one away. */
async function within<T>(variables: NodeJS.ProcessEnv, work: () => Promise<T>): Promise<T> {
  const before = { ...process.env }
  try {
    for (const [name, value] of Object.entries(variables)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    return await work()
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}

test('bundles are kept in the cache of the user, whose folder is made', async () => {
  await using home = await mkdtempDisposable(join(tmpdir(), 'rfaas-home-'))
  const folder = join(home.path, '.cache/rfaas/bundles')
  assert.equal(await within({ HOME: home.path, XDG_CACHE_HOME: undefined }, defaultCacheDir), folder)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  const own = await within({ XDG_CACHE_HOME: join(home.path, 'own') }, defaultCacheDir)
  assert.equal(own, join(home.path, 'own/rfaas/bundles'))
})

test('without a home that can be written, bundles are kept among the temporary files', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-home-'))
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  const TMPDIR = folder.path
  const temporary = join(folder.path, `rfaas-${process.getuid!()}`)
  for (const HOME of [join(folder.path, 'absent'), file, '', '/proc', '/dev/null', '/sys']) {
    assert.equal(await within({ HOME, TMPDIR, XDG_CACHE_HOME: undefined }, defaultCacheDir), temporary, HOME)
  }
  await assert.rejects(stat(join(folder.path, 'absent')), { code: 'ENOENT' })
})

test('a folder of that name that others can write is not used, and the option is named', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'rfaas-home-'))
  await mkdir(join(folder.path, `rfaas-${process.getuid!()}`))
  const variables = { HOME: join(folder.path, 'absent'), TMPDIR: folder.path, XDG_CACHE_HOME: undefined }
  await assert.rejects(within(variables, defaultCacheDir), {
    code: 'invalid_argument',
    message:
      /^invalid_argument: Cannot keep bundles: .*ENOENT.*others can write to it; give the node a folder with `cacheDir` \(--cache\)$/,
  })
})
