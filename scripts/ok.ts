// Everything that CI does: `npm run ok`. Runs all of it, also past a failure.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Step {
  readonly name: string
  readonly command: readonly string[]
}

/** Steps of one phase run at the same time; what they say is shown when they end. */
type Phase = readonly Step[]

// Every program that examples/README.md names, with the least work that still checks its results.
const examples = [
  'examples/quickstart.ts',
  'examples/black-scholes/main.ts',
  ...['matrix-multiplication', 'jacobi', 'monte-carlo', 'web-server', 'thumbnailer', 'image-recognition'].map(
    (name) => `examples/example.ts ${name} --rounds 1`,
  ),
]
// Only the benches that take seconds; `npm run bench -- all` runs every one.
const benches = ['floor', 'hot', 'async']
const phases: Phase[] = [
  [
    { name: 'lint', command: ['npx', '--no-install', 'eslint', '.'] },
    { name: 'format', command: ['npx', '--no-install', 'prettier', '--check', '--log-level', 'warn', '.'] },
    { name: 'typecheck', command: ['npm', 'run', '--silent', 'typecheck'] },
  ],
  [{ name: 'tests', command: ['node', 'scripts/test.ts', '--retry'] }],
  [{ name: 'long tests', command: ['node', 'scripts/test.ts', '--long', '--retry'] }],
  // Skipped, with the reason, on a machine that cannot run its guests.
  [{ name: 'tests over RDMA', command: ['node', 'test/rdma/main.ts', '--or-skip'] }],
  [{ name: 'packages', command: ['node', 'scripts/pack.ts'] }],
  ...examples.map((example) => [{ name: example, command: ['node', ...example.split(' ')] }]),
  ...benches.map((bench) => [{ name: `bench ${bench}`, command: ['node', 'bench/src/main.ts', bench, '--quick'] }]),
]

/**
 * Characters of a failed step's last output that are repeated at the end, where one looks first, and where some see
 * nothing else.
 */
const SAID_AGAIN = 4_000

const NAME_WIDTH = Math.max(...phases.flat().map(({ name }) => name.length)) + 1

interface Outcome {
  readonly ok: boolean
  readonly said: string
  readonly tookS: number
}

/** @param isShown whether to show the output as it comes; else it is shown when the command has ended */
async function run({ name, command }: Step, isShown: boolean): Promise<Outcome> {
  const title = `\n── ${name}: ${command.join(' ')}\n`
  const startMs = performance.now()
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  })
  let said = ''
  if (isShown) process.stdout.write(title)
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (isShown) process.stdout.write(text)
      said += text
    })
  }
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (!isShown) process.stdout.write(title + said)
  return { ok: code === 0, said: said.slice(-SAID_AGAIN).trimEnd(), tookS: (performance.now() - startMs) / 1000 }
}

const report: string[] = []
const failures: string[] = []
const counts: string[] = []
for (const phase of phases) {
  const outcomes = await Promise.all(phase.map((step) => run(step, phase.length === 1)))
  for (const [index, { ok, said, tookS }] of outcomes.entries()) {
    const { name } = phase[index]!
    report.push(`${ok ? '✔' : '✖'} ${name.padEnd(NAME_WIDTH)}${tookS.toFixed(1).padStart(7)} s`)
    if (name.endsWith('tests')) counts.push(`${name}: ${said.split('\n').at(-1)}`)
    if (ok) continue
    failures.push(`\n── ${name} failed; it said last:\n${said}`)
    process.exitCode = 1
  }
}
console.log(failures.join('\n'))
console.log(`\n${report.join('\n')}\n\n${counts.join('\n')}`)
