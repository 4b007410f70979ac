/** A program finds a place for bundles whatever its home is. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { rfaas } from '../cli-process.ts'
import { UserFolder } from '../user-folder.ts'

const PROGRAM = `
import { local } from 'rfaas'
export const add = (a, b) => a + b
if (import.meta.main) {
  await using cluster = await local({ cores: 1, pool: 0 })
  await using lease = await cluster.lease({ functions: import.meta.url })
  console.log(await lease.call.add(1, 2))
}`
/** A user of no account. */
const UID = 54_321

/** Why no test can run as another user; false: it can. */
function reasonAgainstAnotherUser(): string | false {
  if (process.getuid!() !== 0) return 'only root can be another user'
  const asked = [process.execPath, import.meta.filename]
  const canRead = asked.every((path) => spawnSync('test', ['-r', path], { uid: UID, gid: UID }).status === 0)
  return !canRead && 'other users cannot read this checkout'
}

/** The environment without a home. */
function environment(user: UserFolder, more: Record<string, string>): Record<string, string> {
  const { HOME: _home, XDG_CACHE_HOME: _cache, ...rest } = user.env
  return { ...rest, TMPDIR: user.path, ...more }
}

describe('local()', { timeout: 60_000 }, () => {
  for (const HOME of ['/proc', '/dev/null', '/nonexistent']) {
    test(`works with HOME=${HOME}`, () => {
      using user = new UserFolder()
      const path = user.write('program.mjs', PROGRAM)
      const { stdout, stderr } = spawnSync(process.execPath, [path], {
        env: environment(user, { HOME }),
        encoding: 'utf8',
      })
      assert.equal(stdout, '3\n', stderr)
      assert.ok(existsSync(join(user.path, `rfaas-${process.getuid!()}`)))
    })
  }

  for (const HOME of [null, '/root', 'read-only'] as const) {
    test(
      `works for a user without an account, ${HOME === null ? 'without HOME' : `with a home that is ${HOME}`}`,
      { skip: reasonAgainstAnotherUser() },
      () => {
        using user = new UserFolder()
        chmodSync(user.path, 0o777)
        const readOnly = join(user.path, 'read-only')
        mkdirSync(readOnly)
        const home = HOME === null ? {} : { HOME: HOME === 'read-only' ? readOnly : HOME }
        const path = user.write('program.mjs', PROGRAM)
        const { stdout, stderr } = spawnSync(process.execPath, [path], {
          env: environment(user, home),
          cwd: user.path,
          encoding: 'utf8',
          uid: UID,
          gid: UID,
        })
        assert.equal(stdout, '3\n', stderr)
      },
    )
  }
})

describe('rfaas', { timeout: 60_000 }, () => {
  test('says at once that a folder cannot be made', async () => {
    for (const [args, sentence] of [
      [['manager', '--port', '0', '--data', '/proc/a/b.db'], 'Cannot keep data in /proc/a/b.db: ENOENT'],
    ] as const) {
      const { code, stderr } = await rfaas(args)
      assert.notEqual(code, 0)
      assert.ok(stderr.includes(sentence), stderr)
    }
  })
})
