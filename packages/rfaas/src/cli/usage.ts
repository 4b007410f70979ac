import { CommanderError } from 'commander'
import type { Command } from 'commander'
import { UsageError } from './exit.ts'

/**
 * Turns an error of commander into a UsageError: one sentence, which ends with the help to read. Returns any other error
 * as it is.
 *
 * @param commandName the first word of the command line, which may be no command
 */
export function withUsageError(error: unknown, program: Command, commandName: string | undefined): unknown {
  if (!(error instanceof CommanderError)) return error
  const sentence = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
  const command = program.commands.find((candidate) => candidate.name() === commandName)
  const help = `rfaas ${command ? `${command.name()} ` : ''}--help`
  return new UsageError(`${sentence}; ${help} tells more`, { cause: error })
}
