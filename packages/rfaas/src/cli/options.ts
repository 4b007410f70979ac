import { Option } from 'commander'
import { parseDurationMs, parseHotTimeout } from '../config/duration.ts'
import { parseName, parseNames } from '../config/names.ts'
import { parseTenants } from '../config/tenants.ts'
import { parseMemoryMib, parseSizeBytes } from '../config/size.ts'
import { parseLabel, parseResource } from '../config/traits.ts'
import { DEFAULT_MANAGER_URL, parseManagerUrl } from '../config/url.ts'
import { parseCores, parsePool, parsePort } from '../config/whole.ts'
import { fromText, UsageError } from './exit.ts'

/* Options that several commands have, so that they mean the same everywhere. */

export const FABRICS = ['local', 'tcp', 'verbs'] as const

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export function managerOption(): Option {
  return new Option('--manager <url>', 'the resource manager')
    .env('RFAAS_MANAGER')
    .default(DEFAULT_MANAGER_URL)
    .argParser(fromText(parseManagerUrl, '--manager (RFAAS_MANAGER)'))
}

export function hostOption(): Option {
  return new Option('--host <address>', 'IP address to listen on').default('127.0.0.1')
}

export function portOption(port: number): Option {
  return new Option('--port <port>', 'port to listen on; 0 takes a free one')
    .default(port)
    .argParser(fromText(parsePort, '--port'))
}

export function coresOption(description: string): Option {
  return new Option('--cores <n>', description).argParser(fromText(parseCores, '--cores'))
}

export function memoryOption(description: string): Option {
  return new Option('--memory-mib <n>', description).argParser(fromText(parseMemoryMib, '--memory-mib'))
}

/** May be given more than once. */
export function labelOption(description: string): Option {
  return new Option('--label <name=value>', description).argParser(gathered(parseLabel, '--label'))
}

/** May be given more than once. */
export function resourceOption(description: string): Option {
  return new Option('--resource <name=n>', description).argParser(gathered(parseResource, '--resource'))
}

/** Merges the values of an option that is given several times. */
function gathered<T>(
  parse: (text: string, what: string) => [name: string, value: T],
  what: string,
): (text: string, before?: Record<string, T>) => Record<string, T> {
  return (text, before = {}) => {
    const [name, value] = fromText(parse, what)(text)
    if (Object.hasOwn(before, name)) throw new UsageError(`Cannot read ${what}: ${name} is given twice`)
    return { ...before, [name]: value }
  }
}

export function poolOption(): Option {
  return new Option(
    '--pool <n>',
    'executors to keep ready for future leases (default: 1, or 0 if little memory is left)',
  ).argParser(fromText(parsePool, '--pool'))
}

export function keepWarmMaxOption(): Option {
  return new Option(
    '--keep-warm-max <time>',
    'how long executors of ended leases may be kept for the next lease, if leases ask for it; 0s keeps none (default: 1m)',
  ).argParser(fromText(parseDurationMs, '--keep-warm-max'))
}

export function allowNativeOption(): Option {
  return new Option(
    '--allow-native [tenants]',
    'run native code (.so) for all tenants, or for these, separated by commas (default: for none)',
  ).argParser(fromText(parseTenants, '--allow-native'))
}

export function cacheMaxOption(): Option {
  return new Option(
    '--cache-max <size>',
    'size of that folder, such as 4GiB; a bundle with packages and files takes at most half of it (default: 1GiB)',
  ).argParser(fromText(parseSizeBytes, '--cache-max'))
}

export function workFolderMaxOption(): Option {
  return new Option(
    '--work-folder-max <size>',
    'what the functions of a lease may have in their working directory; a lease with more is ended (default: 1GiB)',
  ).argParser(fromText(parseSizeBytes, '--work-folder-max'))
}

export function fabricsOption(): Option {
  return new Option(
    '--fabrics <names>',
    `fabrics to offer: ${FABRICS.join(', ')} (default: those that the machine has)`,
  ).argParser(fromText((text, what) => parseNames(text, what, FABRICS), '--fabrics'))
}

export function fabricOption(): Option {
  return new Option(
    '--fabric <name>',
    `reach workers over ${FABRICS.join(', ')} (default: the fastest there is)`,
  ).argParser(fromText((text, what) => parseName(text, what, FABRICS), '--fabric'))
}

export function hotTimeoutOption(): Option {
  return new Option('--hot-timeout <time>', 'how long a worker polls after a call: 10ms, always or never')
    .default(10, '10ms')
    .argParser(fromText(parseHotTimeout, '--hot-timeout'))
}

export function graceOption(): Option {
  return new Option('--grace <time>', 'how long running invocations may still take')
    .default(10_000, '10s')
    .argParser(fromText(parseDurationMs, '--grace'))
}

export function reasonOption(): Option {
  return new Option('--reason <text>', 'the reason, shown to the clients of the leases').default('', 'none')
}

export function jsonOption(description: string): Option {
  return new Option('--json', description)
}

export function logLevelOption(): Option {
  return new Option(
    '--log-level <level>',
    `log to standard error: ${LOG_LEVELS.join(', ')} (default: info, with --json warn)`,
  ).argParser(fromText((text, what) => parseName(text, what, LOG_LEVELS), '--log-level'))
}

/**
 * For programs that start a manager or node, which must not outlive them, however they end. Given the program's process
 * id, the manager or node also notices a program that ended before it could look up its parent.
 */
export function dieWithParentOption(): Option {
  return new Option('--die-with-parent [pid]').argParser(Number).hideHelp()
}
