/** Runs in the guest: the test files of suite/, or those whose name contains one of the words given. */
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'

import { report } from '../../scripts/report.ts'
import { Tally } from '../../scripts/tally.ts'

/** Limit for one test; large, because an emulated processor is some thirty times as slow as a real one. */
const TEST_MS_MAX = 240_000

/** These cut cables, lose packets, or compare what takes how long. */
const ALONE = ['large-windows.test.js', 'links.test.js']

/** These take longest, so they start first: two files at a time then end at about the same time. */
const FIRST = ['compliance.test.js', 'cluster.test.js']

const root = fileURLToPath(new URL('../..', import.meta.url))
const suite = fileURLToPath(new URL('./suite', import.meta.url))
const words = process.argv.slice(2)
const files = globSync('*.test.js', { cwd: suite })
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort((a, b) => Number(FIRST.includes(b)) - Number(FIRST.includes(a)) || a.localeCompare(b))
const tally = new Tally(root)

async function runFiles(chosen: readonly string[], concurrency: number): Promise<void> {
  if (chosen.length === 0) return
  const events = run({ files: chosen.map((file) => `${suite}/${file}`), concurrency, timeout: TEST_MS_MAX })
  await report(events, tally)
}

await runFiles(files.filter((file) => !ALONE.includes(file)), 2) // prettier-ignore
await runFiles(files.filter((file) => ALONE.includes(file)), 1) // prettier-ignore
if (tally.total === 0) tally.fail(`No test ran; no file of the suite is called ${words.join(' or ')}`)
for (const problem of tally.problems) console.log(`✖ ${problem}`)
console.log(tally.line)
process.exitCode = tally.failed === 0 ? 0 : 1
