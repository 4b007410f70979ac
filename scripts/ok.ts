// Everything that CI does: `npm run ok`. Runs all of it, also past a failure.
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Step {
  readonly name: string
  readonly command: readonly string[]
}

const steps: Step[] = [
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'typecheck', command: ['npm', 'run', '--silent', 'typecheck'] },
  { name: 'tests', command: ['node', 'scripts/test.ts', '--retry'] },
  { name: 'long tests', command: ['node', 'scripts/test.ts', '--long', '--retry'] },
  // Skipped, with the reason, on a machine that cannot run its guests.
  { name: 'tests over RDMA', command: ['node', 'test/rdma/main.ts', '--or-skip'] },
  { name: 'packages', command: ['node', 'scripts/pack.ts'] },
  ...globSync(['examples/*.ts', 'examples/*/main.ts'], { cwd: root })
    .filter((path) => !path.endsWith('.test.ts'))
    .sort()
    .map((path) => ({ name: path, command: ['node', path] })),
]
// Only the benches that take seconds; `npm run bench -- all` runs every one.
for (const bench of ['floor', 'hot', 'async']) {
  steps.push({ name: `bench ${bench}`, command: ['node', 'bench/src/main.ts', bench, '--quick'] })
}

/**
 * Characters of a failed step's last output that are repeated at the end, where one looks first, and where some see
 * nothing else.
 */
const SAID_AGAIN = 4_000

/** Runs a command and shows its output as it comes. */
async function run([program = '', ...args]: readonly string[]): Promise<{ ok: boolean; said: string }> {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  })
  let said = ''
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from.setEncoding('utf8').on('data', (text: string) => {
      to.write(text)
      said = (said + text).slice(-SAID_AGAIN)
    })
  }
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { ok: code === 0, said: said.trimEnd() }
}

const report: string[] = []
const failures: string[] = []
const counts: string[] = []
for (const { name, command } of steps) {
  console.log(`\n── ${name}: ${command.join(' ')}`)
  const startMs = performance.now()
  const { ok, said } = await run(command)
  const tookS = ((performance.now() - startMs) / 1000).toFixed(1)
  report.push(`${ok ? '✔' : '✖'} ${name.padEnd(32)}${tookS.padStart(7)} s`)
  if (name.endsWith('tests')) counts.push(`${name}: ${said.split('\n').at(-1)}`)
  if (ok) continue
  failures.push(`\n── ${name} failed; it said last:\n${said}`)
  process.exitCode = 1
}
console.log(failures.join('\n'))
console.log(`\n${report.join('\n')}\n\n${counts.join('\n')}`)
