/** `npm run example -- NAME`: one of the applications, in one thread, on leased workers, and on both. */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { local, RfaasError } from 'rfaas'
import type { Application } from './compare/application.ts'
import { compare } from './compare/compare.ts'
import { textOf } from './compare/text.ts'
import { onInterrupt } from './shared/interrupt.ts'
import { assertWritable } from './shared/writable.ts'
import { Jacobi } from './jacobi/application.ts'
import { MatrixMultiplication } from './matrix-multiplication/application.ts'
import { MonteCarlo } from './monte-carlo/application.ts'

const SWEEPS = 100

interface Example {
  readonly what: string
  /** What `--size` means, and its default. */
  readonly size: readonly [meaning: string, usual: number]
  make(size: number): Application<never>
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'matrix-multiplication': {
    what: 'C = A × B, rows travel',
    size: ['rows and columns, a multiple of 4', 768],
    make: (size) => new MatrixMultiplication(size),
  },
  jacobi: {
    what: "solves linear equations by Jacobi's method, one loop per sweep",
    size: ['unknowns, a multiple of 4', 1024],
    make: (size) => new Jacobi(size, SWEEPS),
  },
  'monte-carlo': {
    what: 'estimates π by points in a square',
    size: ['blocks of 10,000 points', 1000],
    make: (size) => new MonteCarlo(size),
  },
}

const HELP = `usage: npm run example -- NAME [--size N] [--rounds N] [--figure FILE] [--json]

${Object.entries(EXAMPLES)
  .map(([name, { what, size }]) => `  ${name.padEnd(22)}  ${what}; size: ${size[0]}, default ${size[1]}`)
  .join('\n')}

  --rounds N     how often each way has its turn. Default 5
  --figure FILE  draws the speed-up as SVG. Default out/NAME.svg
  --json         prints one object
`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      figure: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const [name = ''] = positionals
  const example = EXAMPLES[name]
  if (example === undefined || positionals.length > 1) {
    const names = Object.keys(EXAMPLES).join(', ')
    throw new RfaasError(
      'invalid_argument',
      `Cannot run an example: name one of ${names}, not ${positionals.join(' ') || 'none'}`,
    )
  }
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new RfaasError('invalid_argument', `Cannot run an example: --rounds must be 1 or more, not ${values.rounds}`)
  const application = example.make(values.size === undefined ? example.size[1] : Number(values.size))
  const figure = values.figure ?? `out/${name}.svg`
  await assertWritable(figure)
  const signal = onInterrupt()
  await using cluster = await local({ cores: availableParallelism() })
  const comparison = await compare(application, cluster, rounds, signal)
  process.stdout.write(values.json ? `${JSON.stringify(comparison)}\n` : textOf(comparison))
  const { speedupFigure } = await import('./compare/figure.ts')
  await writeFile(figure, speedupFigure(comparison))
  if (!values.json) process.stdout.write(`  figure: ${figure}\n`)
}

try {
  await main()
} catch (error) {
  const isMistake =
    (error instanceof RfaasError && error.code === 'invalid_argument') ||
    (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
  const { message, stack } = error as Error
  process.stderr.write(`${isMistake ? message.replace('invalid_argument: ', '') : stack}\n`)
  process.exitCode = isMistake ? 2 : 1
}
