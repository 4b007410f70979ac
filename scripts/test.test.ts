import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

// Each test makes a checkout of its own, with the scripts and a few test files, and runs its tests.
const folders: string[] = []
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

function runTests(files: Record<string, string>, args: string[] = []): { status: number | null; output: string } {
  const root = mkdtempSync(join(tmpdir(), 'rfaas-test-'))
  folders.push(root)
  cpSync(import.meta.dirname, join(root, 'scripts'), { recursive: true, filter: (path) => !path.endsWith('.test.ts') })
  mkdirSync(join(root, 'packages/one/src'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(root, 'packages/one/src', name), `import { test } from 'node:test'\n${text}`)
  }
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const run = spawnSync(process.execPath, [join(root, 'scripts/test.ts'), ...args], { encoding: 'utf8', env })
  return { status: run.status, output: run.stdout + run.stderr }
}

const PASSES = `test('passes', () => {})\n`

describe('npm test', () => {
  it('ends with the counts, and passes what is skipped', () => {
    const skipped = `test.skip('later', () => {})\ntest.todo('some day')\n`
    const { status, output } = runTests({ 'a.test.ts': PASSES, 'b.test.ts': PASSES + skipped })
    assert.equal(output.split('\n').at(-2), '2 passed, 0 failed, 2 skipped', output)
    assert.equal(status, 0)
  })

  it('fails with one failed test', () => {
    const { status, output } = runTests({ 'a.test.ts': `${PASSES}test('fails', () => { throw new Error('no') })` })
    assert.equal(output.split('\n').at(-2), '1 passed, 1 failed, 0 skipped', output)
    assert.equal(status, 1)
  })

  it('says at its end which test failed, where it stands and why', () => {
    const { output } = runTests({ 'a.test.ts': `test('fails', () => { throw new Error('no') })`, 'b.test.ts': PASSES })
    assert.match(
      output,
      /\n✖ fails \(packages\/one\/src\/a\.test\.ts:2\)\nError: no\n(.+\n)+\n1 passed, 1 failed, 0 skipped\n$/,
    )
  })

  it('with --retry runs a file that failed once more, and says so', () => {
    const second = `import { existsSync, writeFileSync } from 'node:fs'
      test('fails the first time', () => {
        const isSecond = existsSync('once')
        writeFileSync('once', '')
        if (!isSecond) throw new Error('bad moment')
      })`
    const files = { 'a.test.ts': PASSES, 'b.test.ts': PASSES + second }
    assert.equal(runTests(files).status, 1, 'not without being asked to')
    const { status, output } = runTests(files, ['--retry'])
    assert.match(output, /\n! packages\/one\/src\/b\.test\.ts passed only at its second try; .*\nfails the first time/)
    assert.match(output, /bad moment/)
    assert.equal(output.split('\n').at(-2), '3 passed, 0 failed, 0 skipped', output)
    assert.equal(status, 0)
  })

  it('with --retry runs the test file again, not the one that its tests are written in', () => {
    const shared = `import { existsSync, writeFileSync } from 'node:fs'
      export const testOnce = () => test('fails the first time', () => {
        const isSecond = existsSync('once')
        writeFileSync('once', '')
        if (!isSecond) throw new Error('bad moment')
      })`
    const files = { 'shared.ts': shared, 'a.test.ts': `import { testOnce } from './shared.ts'\n${PASSES}testOnce()` }
    const { status, output } = runTests(files, ['--retry'])
    assert.match(
      output,
      /\n! packages\/one\/src\/a\.test\.ts passed only at its second try; .*\nfails the first time \(.*shared\.ts/,
    )
    assert.equal(output.split('\n').at(-2), '2 passed, 0 failed, 0 skipped', output)
    assert.equal(status, 0)
  })

  it('fails with --retry when a file fails twice, or when many do', () => {
    const fails = `test('fails', () => { throw new Error('no') })`
    const once = runTests({ 'a.test.ts': PASSES, 'b.test.ts': fails }, ['--retry'])
    assert.equal(once.output.split('\n').at(-2), '1 passed, 1 failed, 0 skipped', once.output)
    assert.equal(once.status, 1)
    const many = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.test.ts`, fails]))
    const { status, output } = runTests(many, ['--retry'])
    assert.doesNotMatch(output, /Once more/)
    assert.equal(status, 1)
  })

  it('runs only the files that were named', () => {
    const { output } = runTests({ 'a.test.ts': PASSES, 'lease.test.ts': PASSES + PASSES }, ['lease'])
    assert.equal(output.split('\n').at(-2), '2 passed, 0 failed, 0 skipped', output)
  })

  it('fails when no test ran', () => {
    const { status, output } = runTests({ 'a.test.ts': PASSES }, ['lease'])
    assert.match(output, /No test ran; no test file's path holds lease/)
    assert.equal(status, 1)
  })

  it('fails with a file that holds no test, or does not load', () => {
    const { status, output } = runTests({ 'a.test.ts': '', 'b.test.ts': `import './absent.ts'` })
    assert.match(output, /a\.test\.ts holds no test/)
    assert.equal(output.split('\n').at(-2), '0 passed, 2 failed, 0 skipped', output)
    assert.equal(status, 1)
  })

  it('ends a file that spins and one that something keeps open', () => {
    const files = {
      'spins.test.ts': `${PASSES}test('spins', () => { for (;;); })`,
      'open.test.ts': `test('leaves a timer', () => { setInterval(() => {}, 1000) })`,
    }
    const { status, output } = runTests(files, ['--idle-ms', '300'])
    assert.match(output, /Ending .*spins\.test\.ts: no test began or ended in it for 0\.3 s/)
    assert.match(output, /Ending .*open\.test\.ts/)
    assert.match(output, /\n\d passed, 2 failed, 0 skipped\n$/)
    assert.equal(status, 1)
  })

  it('fails when a process or something in /dev/shm is left, and ends the process', () => {
    const left = `/dev/shm/rfaas-test-${process.pid}`
    try {
      const { status, output } = runTests({
        'a.test.ts': `import { spawn } from 'node:child_process'
          import { writeFileSync } from 'node:fs'
          test('leaves', () => {
            writeFileSync('${left}', '')
            spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref()
            spawn('sleep', ['1001'], { detached: true, stdio: 'ignore', env: {}, cwd: import.meta.dirname }).unref()
          })`,
      })
      assert.match(output, /Process \d+ was left running, and has been ended: sleep 1000/)
      assert.match(output, /has been ended: sleep 1001/, 'without the mark in its environment')
      assert.match(output, new RegExp(`${left} was left behind`))
      assert.equal(output.split('\n').at(-2), '1 passed, 3 failed, 0 skipped', output)
      assert.equal(status, 1)
    } finally {
      rmSync(left)
    }
  })
})
