import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Bench } from '../harness/bench.ts'
import { runRounds } from '../harness/rounds.ts'
import { runAll } from './all.ts'
import { readResults, writeResults } from './files.ts'

const counting: Bench = {
  name: 'counting',
  question: 'How far?',
  async run({ progress }) {
    const trial = { file: process.execPath, args: ['-e', 'console.log("10\\n20\\n30")'] }
    const series = await runRounds([{ name: 'tens', label: 'tens', at: { line: 'tens', x: 3 }, trial }], 2, progress)
    return { rounds: 2, series, summary: [{ name: 'far', what: 'how far', value: 2, atMost: 3 }], notes: [] }
  },
}
const failing: Bench = { name: 'failing', question: 'Why?', run: () => Promise.reject(new Error('no second core')) }

test('runAll runs every bench, also past one that fails, and says what failed', async () => {
  const said: string[] = []
  const progress: string[] = []
  const context = {
    quick: true,
    progress: (what: string) => progress.push(what),
    say: (text: string) => said.push(text),
  }
  const { combined, benches } = await runAll([failing, counting], context)
  assert.deepEqual(combined.failed, { failing: 'no second core' })
  assert.deepEqual(combined.summary, { far: 2 })
  assert.deepEqual(Object.keys(benches), ['counting'])
  assert.equal(combined.quick, true)
  assert.ok(combined.seconds.counting! > 0)
  assert.match(said[0]!, /failing failed: no second core/)
  assert.match(said[1]!, /^far +2\.00 +meets ≤ 3/m)
  assert.equal(progress[0], 'counting, round 1 of 2: tens')
})

test('readResults gives what writeResults kept, and nothing of the run before', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rfaas-results-'))
  t.after(() => rm(folder, { recursive: true }))
  assert.equal(readResults(folder), null)
  await writeFile(join(folder, 'gone.json'), '{}')
  await writeFile(join(folder, 'gone.svg'), '<svg/>')
  const results = await runAll([counting], { quick: true, progress: () => {}, say: () => {} })
  writeResults(folder, results)
  assert.deepEqual((await readdir(folder)).sort(), ['counting.json', 'summary.json'])
  assert.deepEqual(readResults(folder), results)
})
