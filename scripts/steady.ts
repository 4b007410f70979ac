// Shows that no test is red by chance: `npm run test:steady -- --runs 20` runs `npm test` that often, every second time
// beside a process that keeps one core busy. Runs all of them, also after a red one; then exits with 1.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const RUNS_DEFAULT = 20
/** Characters of a red run's last output that are shown. */
const SHOWN = 6_000

const { values } = parseArgs({ options: { runs: { type: 'string' } } })
const runs = Number(values.runs ?? RUNS_DEFAULT)
if (!Number.isSafeInteger(runs) || runs < 1) {
  console.error(`--runs must be a whole number, at least 1, not ${JSON.stringify(values.runs)}`)
  process.exit(2)
}
const TESTS = fileURLToPath(new URL('./test.ts', import.meta.url))
// Keeps a core busy. Ends by itself when this process is gone, which it checks twice a second.
const NEIGHBOUR = `const parent = process.ppid
for (;;) { const end = Date.now() + 500; while (Date.now() < end); if (process.ppid !== parent) break }`

async function runTests(): Promise<{ isGreen: boolean; said: string }> {
  const child = spawn(process.execPath, [TESTS], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-SHOWN)))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { isGreen: code === 0, said: said.trimEnd() }
}

let red = 0
for (let run = 1; run <= runs; run++) {
  const isBusy = run % 2 === 0
  const neighbour = isBusy ? spawn(process.execPath, ['-e', NEIGHBOUR], { stdio: 'ignore' }) : null
  const startMs = performance.now()
  const { isGreen, said } = await runTests().finally(() => neighbour?.kill('SIGKILL'))
  const tookS = ((performance.now() - startMs) / 1000).toFixed(0)
  const where = isBusy ? 'beside a busy process' : 'alone'
  console.log(`${isGreen ? '✔' : '✖'} run ${run} of ${runs}, ${where}: ${tookS} s, ${said.split('\n').at(-1)}`)
  if (isGreen) continue
  red++
  console.log(said)
}
console.log(`${runs - red} of ${runs} runs were green`)
process.exitCode = red === 0 ? 0 : 1
