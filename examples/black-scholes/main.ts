/** The main job, `npm start`: how it ends becomes output and an exit code. */
import { writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { dieWithParent, RfaasError } from 'rfaas'
import { HELP, readArguments } from './arguments.ts'
import { Interrupted, onInterrupt } from '../shared/interrupt.ts'
import { runJob } from './job.ts'
import { silent, TextProgress } from './progress.ts'
import { renderReport } from './report.ts'
import { assertWritable } from '../shared/writable.ts'

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2))
  if (options.help) {
    process.stdout.write(HELP)
    return
  }
  if (options.report !== null) await assertWritable(options.report)
  // Killing npm must end the job, too.
  if (process.env['npm_lifecycle_event'] !== undefined) dieWithParent(constants.signals.SIGTERM)
  const signal = onInterrupt()
  const progress = options.json ? silent : new TextProgress(process.stdout)
  try {
    const result = await runJob(options, progress, signal)
    progress.end()
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : renderReport(result, process.stdout))
    if (options.report !== null) {
      // The libraries that draw take longer to load than all of ours.
      const { renderPage } = await import('./page/page.ts')
      await writeFile(options.report, renderPage(result))
      if (!options.json) process.stdout.write(`With pictures: ${options.report}\n`)
    }
  } finally {
    progress.end()
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return error.exitCode
  return error instanceof RfaasError && error.code === 'invalid_argument' ? 2 : 1
}

/** One line: the sentence, then the code, so that it can be looked up. An unexpected error comes with its stack. */
function sentenceOf(error: unknown): string {
  if (error instanceof Interrupted) return error.message
  if (!(error instanceof RfaasError)) return error instanceof Error ? error.stack! : String(error)
  const sentence = error.message.replace(`${error.code}: `, '').replaceAll(/\s*\n\s*/g, ' ')
  return error.code === 'invalid_argument' ? sentence : `${sentence} [${error.code}]`
}

// A reader that has seen enough (`| head`) is no reason to stop.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
try {
  await main()
} catch (error) {
  process.stderr.write(`${sentenceOf(error)}\n`)
  process.exitCode = exitCodeOf(error)
}
// Ends the process even if a failed job has left something open.
process.stdout.write('', () => process.exit())
