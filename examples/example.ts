/** `npm run example -- NAME`: one of the programs, in all the ways that it can run. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { RfaasError } from 'rfaas'
import { runApplication } from './compare/run.ts'
import { Jacobi } from './jacobi/application.ts'
import { MatrixMultiplication } from './matrix-multiplication/application.ts'
import { MonteCarlo } from './monte-carlo/application.ts'
import { onInterrupt } from './shared/interrupt.ts'
import type { Outcome } from './shared/outcome.ts'
import { assertWritable } from './shared/writable.ts'
import { runWebServer } from './web-server/main.ts'

const SWEEPS = 100

/** What the command line asks for. */
interface Order {
  readonly size: number
  readonly rounds: number
  readonly signal: AbortSignal
}

interface Example {
  readonly what: string
  /** What `--size` means, and its default. */
  readonly size: readonly [meaning: string, usual: number]
  run(order: Order): Promise<Outcome>
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'matrix-multiplication': {
    what: 'C = A × B, rows travel',
    size: ['rows and columns, a multiple of 4', 768],
    run: ({ size, rounds, signal }) => runApplication(new MatrixMultiplication(size), rounds, signal),
  },
  jacobi: {
    what: "solves linear equations by Jacobi's method, one loop per sweep",
    size: ['unknowns, a multiple of 4', 1024],
    run: ({ size, rounds, signal }) => runApplication(new Jacobi(size, SWEEPS), rounds, signal),
  },
  'monte-carlo': {
    what: 'estimates π by points in a square',
    size: ['blocks of 10,000 points', 1000],
    run: ({ size, rounds, signal }) => runApplication(new MonteCarlo(size), rounds, signal),
  },
  'web-server': {
    what: 'a Fastify route that offloads its work, beside piscina',
    size: ['connections at the high load', 32],
    run: ({ size, rounds, signal }) => runWebServer(size, rounds, signal),
  },
}

const HELP = `usage: npm run example -- NAME [--size N] [--rounds N] [--figure FILE] [--json]

${Object.entries(EXAMPLES)
  .map(([name, { what, size }]) => `  ${name.padEnd(22)}  ${what}; size: ${size[0]}, default ${size[1]}`)
  .join('\n')}

  --rounds N     how often each way has its turn. Default 5
  --figure FILE  draws the comparison as SVG. Default out/NAME.svg
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
  const size = values.size === undefined ? example.size[1] : Number(values.size)
  if (!Number.isInteger(size) || size < 1)
    throw new RfaasError('invalid_argument', `Cannot run an example: --size must be 1 or more, not ${values.size}`)
  const figure = values.figure ?? `out/${name}.svg`
  await assertWritable(figure)
  const { found, text, draw } = await example.run({ size, rounds, signal: onInterrupt() })
  process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : text)
  await writeFile(figure, await draw())
  if (!values.json) process.stdout.write(`  figure: ${figure}\n`)
}

try {
  await main()
} catch (error) {
  const isMistake =
    (error instanceof RfaasError && error.code === 'invalid_argument') ||
    (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
  // Such as a registry that cannot be reached: the sentence says what to do, and a stack would not.
  const isPlain = isMistake || (error instanceof RfaasError && error.code === 'unsupported')
  const { message, stack } = error as Error
  process.stderr.write(`${isPlain ? message.replace(/^(invalid_argument|unsupported): /, '') : stack}\n`)
  process.exitCode = isMistake ? 2 : 1
}
