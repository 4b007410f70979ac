import { RfaasError } from '../errors.ts'
import { isErrorLike, isInstance, nameOf, readSafely, reasonOf, stackOf as stackOfThrown } from '../thrown.ts'

/** What the exit code of every command means. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {}

/** Most causes shown of an error, which may be its own cause. */
const CAUSES_SHOWN_MAX = 10

/** The user pressed Ctrl-C before the command was done: exit code 130. */
export class Interrupted extends Error {}

/**
 * Makes a parser of `config/` a parser of an option: what it refuses becomes a UsageError.
 *
 * @param what the option's name in the error's sentence
 */
export function fromText<T>(parse: (text: string, what: string) => T, what: string): (text: string) => T {
  return (text) => {
    try {
      return parse(text, what)
    } catch (error) {
      throw new UsageError(sentenceOf(error), { cause: error })
    }
  }
}

/**
 * The error that came first. An error of the clean-up after it is of no use to the user, and often only follows from
 * it.
 */
export function firstOf(error: unknown): unknown {
  return error instanceof SuppressedError ? firstOf(error.suppressed) : error
}

/** The exit code of a command that threw `error`. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT.interrupted
  if (error instanceof UsageError) return EXIT.usage
  return EXIT.failed
}

/** What the user of a command can do about some errors, as the end of their sentence. */
const ADVICE: Partial<Record<string, string>> = {
  manager_unreachable: '; start one with rfaas up, or give its URL with --manager',
}

/**
 * One line for a person: the sentence, then the code in brackets, so that it can be looked up.
 *
 * @param options.advise whether to end with what to do about it, where that is known. Default: false
 */
export function sentenceOf(error: unknown, options: { advise?: boolean } = {}): string {
  const text = reasonOf(error) || (isErrorLike(error) ? nameOf(error) : '')
  const line = withoutFrames(text)
    .replace(/\s*\n\s*/g, ' ')
    .trim()
  if (isInstance(error, UsageError) || isInstance(error, Interrupted)) return line
  const code = codeOf(error)
  if (code === null) return line
  const sentence = line.startsWith(`${code}: `) ? line.slice(code.length + 2) : line
  const advice = options.advise ? (ADVICE[code] ?? '') : ''
  // The sentence on a wrong argument says it all, without advice or code.
  return isInstance(error, RfaasError) && code === 'invalid_argument' ? sentence : `${sentence}${advice} [${code}]`
}

/**
 * Text without the lines of a stack. Of these only the position that the first one names is kept: a node reports a
 * module that fails while it is loaded with its stack, and the first frame is where in the module that was.
 */
function withoutFrames(text: string): string {
  const lines = text.split('\n')
  const isFrame = (line: string): boolean => /^\s+at .*:\d+:\d+\)?$/.test(line)
  const first = lines.find(isFrame)
  if (first === undefined) return text
  const position = /\((.+)\)$|at (?:async )?(\S+)$/.exec(first)?.slice(1).find(Boolean) ?? ''
  const kept = lines.filter((line) => !isFrame(line)).join('\n')
  return position.startsWith('node:') ? kept : `${kept} (${position})`
}

function codeOf(error: unknown): string | null {
  const code = isErrorLike(error) ? readSafely(error, 'code') : null
  return typeof code === 'string' ? code : null
}

/** The error with its stack and its causes, for `RFAAS_DEBUG=1`. */
export function stackOf(error: unknown, depth = 1): string {
  if (!isErrorLike(error)) return reasonOf(error)
  if (isInstance(error, SuppressedError) && depth < CAUSES_SHOWN_MAX) {
    return `${stackOf(error.suppressed, depth + 1)}\nThen, while cleaning up: ${stackOf(error.error, depth + 1)}`
  }
  const stack = stackOfThrown(error) || sentenceOf(error)
  const cause = readSafely(error, 'cause')
  if (cause === undefined || depth >= CAUSES_SHOWN_MAX) return stack
  return `${stack}\nCaused by: ${stackOf(cause, depth + 1)}`
}
