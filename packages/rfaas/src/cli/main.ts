import { setImmediate as turn } from 'node:timers/promises'
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf, firstOf, sentenceOf, stackOf } from './exit.ts'
import { createProgram } from './program.ts'
import { withUsageError } from './usage.ts'

/* The entry of the command line, started by bin/rfaas.mjs. */

const isDebug = !['', '0'].includes(process.env['RFAAS_DEBUG'] ?? '')

// A reader that has seen enough (`| head`) is no failure; a full disk is. Neither may become an uncaught exception.
let outputError: Error | null = null
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') outputError ??= error
})
process.stderr.on('error', () => {})

let exiting: Promise<never> | null = null

/** Ends the process once its output is written, even if a command has left something open. */
function exit(code: number): Promise<never> {
  exiting ??= flush().then(() => {
    if (outputError === null || code !== EXIT.ok) process.exit(code)
    process.stderr.write(`rfaas: Cannot write the output: ${sentenceOf(outputError)}\n`, () =>
      process.exit(EXIT.failed),
    )
    return new Promise<never>(() => {})
  })
  return exiting
}

async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    stream.write('', () => resolve(undefined))
    await promise
  }
  // A stream emits its error after the callbacks of its writes.
  await turn()
}

function fail(error: unknown): Promise<never> {
  const first = firstOf(error)
  process.stderr.write(`rfaas: ${isDebug ? stackOf(error) : sentenceOf(first, { advise: true })}\n`)
  return exit(exitCodeOf(first))
}

process.on('uncaughtException', (error) => void fail(error))
// Hides Node's warnings about experimental features, such as node:sqlite, except for debugging: a user can do nothing
// about them.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning' || isDebug) process.stderr.write(`rfaas: ${sentenceOf(warning)}\n`)
})

const program = createProgram()
try {
  await program.parseAsync()
} catch (error) {
  // Commander throws also when it shows help or version: with exit code 0, or another when it shows help because no
  // command was given.
  const isAskedFor = error instanceof CommanderError && error.exitCode === 0
  const isHelp = error instanceof CommanderError && error.code === 'commander.help'
  if (isHelp && !isAskedFor) await exit(EXIT.usage)
  if (!isAskedFor) await fail(withUsageError(error, program, process.argv[2]))
}
await exit(Number(process.exitCode ?? EXIT.ok))
