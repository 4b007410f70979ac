/** `npm run example -- NAME`: one of the programs, in all the ways that it can run. */
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { RfaasError } from 'rfaas'
import type { Application } from './compare/application.ts'
import { runApplication } from './compare/run.ts'
import { runImageRecognition } from './image-recognition/main.ts'
import { Jacobi } from './jacobi/application.ts'
import { MatrixMultiplication } from './matrix-multiplication/application.ts'
import { MonteCarlo } from './monte-carlo/application.ts'
import { onInterrupt } from './shared/interrupt.ts'
import type { Outcome } from './shared/outcome.ts'
import { assertWritable } from './shared/writable.ts'
import { readPhoto, runThumbnailer } from './thumbnailer/main.ts'
import { runWebServer } from './web-server/main.ts'

const SWEEPS = 100

type Run = (rounds: number, signal: AbortSignal) => Promise<Outcome>

interface Example {
  readonly what: string
  /** What `--size` means, and its default. */
  readonly size: readonly [meaning: string, usual: number]
  /** @throws {RfaasError} `invalid_argument` when it cannot do with this size or photograph */
  prepare(size: number, photo: string | undefined): Run
}

function onApplication<M>(application: Application<M>): Run {
  return (rounds, signal) => runApplication(application, rounds, signal)
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'matrix-multiplication': {
    what: 'C = A × B, rows travel',
    size: ['rows and columns, a multiple of 4', 768],
    prepare: (size) => onApplication(new MatrixMultiplication(size)),
  },
  jacobi: {
    what: "solves linear equations by Jacobi's method, one loop per sweep",
    size: ['unknowns, a multiple of 4', 1024],
    prepare: (size) => onApplication(new Jacobi(size, SWEEPS)),
  },
  'monte-carlo': {
    what: 'estimates π by points in a square',
    size: ['blocks of 10,000 points', 1000],
    prepare: (size) => onApplication(new MonteCarlo(size)),
  },
  'web-server': {
    what: 'a Fastify route that offloads its work, beside piscina',
    size: ['connections at the high load', 32],
    prepare: (size) => (rounds, signal) => runWebServer(size, rounds, signal),
  },
  thumbnailer: {
    what: 'makes thumbnails with sharp, beside piscina',
    size: ['calls of a round', 16],
    prepare: (size, path) => {
      const photo = path === undefined ? null : readPhoto(path)
      return (rounds, signal) => runThumbnailer(size, photo, rounds, signal)
    },
  },
  'image-recognition': {
    what: 'reads a line of text with onnxruntime, beside piscina',
    size: ['calls of a round', 16],
    prepare: (size) => (rounds, signal) => runImageRecognition(size, rounds, signal),
  },
}

const HELP = `usage: npm run example -- NAME [--size N] [--rounds N] [--figure FILE] [--photo FILE] [--json]

${Object.entries(EXAMPLES)
  .map(([name, { what, size }]) => `  ${name.padEnd(22)}  ${what}; size: ${size[0]}, default ${size[1]}`)
  .join('\n')}

  --rounds N     how often each way has its turn. Default 5
  --figure FILE  draws the comparison as SVG. Default out/NAME.svg
  --photo FILE   the photograph of the thumbnailer. Default: it makes one of 12 megapixels
  --json         prints one object
`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      size: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      figure: { type: 'string' },
      photo: { type: 'string' },
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
  const { photo } = values
  if (photo !== undefined && name !== 'thumbnailer')
    throw new RfaasError('invalid_argument', `Cannot run ${name}: only the thumbnailer takes --photo`)
  const run = example.prepare(size, photo)
  const figure = values.figure ?? `out/${name}.svg`
  await assertWritable(figure)
  const { found, text, draw } = await run(rounds, onInterrupt())
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
