import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onOneCore } from './placement.ts'
import { parseTrial, runTrial } from './trial.ts'
import type { Trial } from './trial.ts'

const script = (code: string): Trial => ({ file: process.execPath, args: ['-e', code] })

test('parseTrial tells samples from named values', () => {
  assert.deepEqual(parseTrial('12\nbytesPerSecond=3e9\n15\n'), { samplesNs: [12, 15], values: { bytesPerSecond: 3e9 } })
})

for (const line of ['twelve', 'name=', '12 ns', '=']) {
  test(`parseTrial refuses ${JSON.stringify(line)}`, () => {
    assert.throws(() => parseTrial(`1\n${line}\n`), /Cannot read trial output/)
  })
}

test('runTrial gives all that a trial printed, however much', async () => {
  const { samplesNs } = await runTrial(script('for (let i = 0; i < 100_000; i++) process.stdout.write(i + "\\n")'))
  assert.equal(samplesNs.length, 100_000)
  assert.equal(samplesNs.at(-1), 99_999)
})

test('runTrial of a trial that fails says how it ended and why', async () => {
  const trial = script('console.error("no second core"); process.exit(3)')
  await assert.rejects(runTrial(trial), /ended with 3: no second core/)
})

test('runTrial kills a trial that does not end', async () => {
  await assert.rejects(runTrial(script('for (;;);'), 200), /ended with SIGKILL/)
})

test('runTrial of a program that is not there names it', async () => {
  await assert.rejects(runTrial({ file: '/nowhere/trial', args: [] }), /\/nowhere\/trial/)
})

test('onOneCore leaves a trial and its children one core', async () => {
  const cores = "execFileSync('nproc', { encoding: 'utf8' })"
  const code = `const { execFileSync } = require('node:child_process'); console.log('cores=' + ${cores})`
  assert.deepEqual((await runTrial(onOneCore(script(code)))).values, { cores: 1 })
})
