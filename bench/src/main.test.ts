import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const bench = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })

test('bench --help lists the benches', () => {
  const { status, stdout } = bench('--help')
  assert.equal(status, 0)
  assert.match(stdout, /^ {2}floor .+\n {2}hot /m)
  assert.match(stdout, /^ {2}all .+\n(.+\n)? {2}tables /m)
})

for (const args of [[], ['nowhere'], ['floor', 'hot'], ['floor', '--fast'], ['sebs'], ['floor', '--from', '.']]) {
  test(`bench ${args.join(' ') || 'without a name'} is refused with 2`, () => {
    const { status, stdout, stderr } = bench(...args)
    assert.equal(status, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /usage: npm run bench/)
  })
}

test('bench sebs says what its folder lacks', () => {
  const { status, stderr } = bench('sebs', '--from', '/none')
  assert.equal(status, 2)
  assert.match(stderr, /^Cannot run SeBS: \/none has none of its functions, .*\n\nusage/)
})
