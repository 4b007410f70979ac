// Everything that CI does, in a few minutes: `npm run ok`. Runs all of it, also past a failure.
import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Step {
  readonly name: string
  readonly command: readonly string[]
}

const steps: Step[] = [
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'typecheck', command: ['npm', 'run', '--silent', 'typecheck'] },
  { name: 'tests', command: ['node', 'scripts/test.ts'] },
  { name: 'packages', command: ['node', 'scripts/pack.ts'] },
  ...globSync(['examples/*.ts', 'examples/*/main.ts'], { cwd: root })
    .filter((path) => !path.endsWith('.test.ts'))
    .sort()
    .map((path) => ({ name: path, command: ['node', path] })),
]
if (existsSync(join(root, 'bench/src/main.ts'))) {
  steps.push({ name: 'bench', command: ['node', 'bench/src/main.ts', 'floor', '--quick'] })
}

/** Shows what the command says as it says it. */
async function run([program = '', ...args]: readonly string[]): Promise<{ ok: boolean; lastLine: string }> {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  })
  let said = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    process.stdout.write(text)
    said = (said + text).slice(-1000)
  })
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { ok: code === 0, lastLine: said.trimEnd().split('\n').at(-1) ?? '' }
}

const report: string[] = []
let counts = ''
for (const { name, command } of steps) {
  console.log(`\n── ${name}: ${command.join(' ')}`)
  const startMs = performance.now()
  const { ok, lastLine } = await run(command)
  report.push(`${ok ? '✔' : '✖'} ${name.padEnd(32)}${((performance.now() - startMs) / 1000).toFixed(1).padStart(7)} s`)
  if (!ok) process.exitCode = 1
  if (name === 'tests') counts = lastLine
}
console.log(`\n${report.join('\n')}\n\n${counts}`)
