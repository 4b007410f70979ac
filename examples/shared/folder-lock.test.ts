import assert from 'node:assert/strict'
import { mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder } from './folder-lock.ts'

test('lockFolder lets one holder in after the other, and leaves no file', async (t) => {
  const [folder, other] = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'rfaas-lock-'))))
  t.after(() => Promise.all([rmdir(folder!), rmdir(other!)]))
  let inside = 0
  const seen: number[] = []
  const enter = async (): Promise<void> => {
    await using _ = await lockFolder(folder!)
    seen.push(++inside)
    // Starts a process meanwhile, as the others do to come in.
    await using _other = await lockFolder(other!)
    seen.push(inside--)
  }
  await Promise.all([enter(), enter(), enter()])
  assert.deepEqual(seen, [1, 1, 1, 1, 1, 1])
  assert.deepEqual(await readdir(folder!), [])
})

test('lockFolder locks nothing, and says nothing, where there is no folder or no flock', async () => {
  await using _ = await lockFolder('/no/such/folder')
  const { PATH } = process.env
  process.env['PATH'] = '/no/such/folder'
  try {
    await using _other = await lockFolder(tmpdir())
  } finally {
    process.env['PATH'] = PATH
  }
})
