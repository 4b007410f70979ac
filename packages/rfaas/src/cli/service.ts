import type { Logger } from 'pino'
import type { LogLevel } from './options.ts'
import { serveUntilStopped } from './serve.ts'
import type { Service } from './serve.ts'

/** The flags of every command that runs until it is stopped. */
export interface ServiceFlags {
  json?: true
  logLevel?: LogLevel
  /** The process id of the program that started us; true: our parent, whichever that is. */
  dieWithParent?: number | true
}

/** How a service says on standard output that it is ready. */
export interface Announcement {
  /** One line of JSON, with `--json`. */
  forPrograms: object
  /** Lines of text, without. */
  forPeople: string[]
}

/** Runs a manager, a node or both until the process is told to stop, with its log on standard error. */
export async function runService<T extends Service>(
  flags: ServiceFlags,
  logEvents: (log: Logger) => void,
  start: () => Promise<T>,
  announce: (service: T) => Announcement,
): Promise<void> {
  // First, so that this process also ends with a parent that ends during our start.
  if (flags.dieWithParent !== undefined) {
    const { dieWithParent } = await import('@rfaas/fabric')
    dieWithParent(undefined, flags.dieWithParent === true ? undefined : flags.dieWithParent)
  }
  const { createLog } = await import('./log.ts')
  logEvents(createLog(flags.logLevel ?? (flags.json ? 'warn' : 'info')))
  await serveUntilStopped(start, (service) => {
    const { forPrograms, forPeople } = announce(service)
    process.stdout.write(flags.json ? `${JSON.stringify(forPrograms)}\n` : `${forPeople.join('\n')}\n`)
  })
}
