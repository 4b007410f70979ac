import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../bin/rfaas-build-native.mjs', import.meta.url))

test('without a compiler it says so in one sentence, and leaves what is built as it is', () => {
  const env = { ...process.env, CC: 'no-such-compiler -O2' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, '--force'], { env, encoding: 'utf8' })
  assert.deepEqual({ status, stdout }, { status: 1, stdout: '' })
  assert.match(
    stderr,
    /^rfaas-build-native: Cannot build the addons: there is no C compiler that works as `no-such-compiler -O2` \(Debian, Ubuntu: apt-get install gcc libc6-dev\)\.\n$/,
  )
  const again = spawnSync(process.execPath, [PROGRAM], { encoding: 'utf8' })
  assert.equal(again.stdout, 'The addons of @rfaas/fabric are built already.\n')
})

test('an argument that it does not know is refused with the usage', () => {
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, '--fast'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /^Usage: rfaas-build-native \[--force\]/)
})
