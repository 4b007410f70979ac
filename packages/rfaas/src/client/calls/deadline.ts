import { RfaasError, type Outcome } from '../../errors.ts'
import type { InvokeOptions } from './invoke-options.ts'
import type { RemoteFunction } from './wire.ts'

/** The error of an invocation whose `timeoutMs` is over. */
export function deadlineError(f: RemoteFunction, timeoutMs: number, outcome: Outcome): RfaasError {
  const reason = outcome === 'not_run' ? 'it was not sent' : 'it has no result'
  return new RfaasError('deadline_exceeded', `Cannot await ${f.name}: ${reason} within ${timeoutMs} ms`, { outcome })
}

/** The reason of a signal that stands for a deadline. */
export class DeadlineReason {
  readonly #f: RemoteFunction
  readonly #timeoutMs: number

  constructor(f: RemoteFunction, timeoutMs: number) {
    this.#f = f
    this.#timeoutMs = timeoutMs
  }

  error(outcome: Outcome): RfaasError {
    return deadlineError(this.#f, this.#timeoutMs, outcome)
  }
}

/**
 * Runs an invocation with one signal that stands for both its signal and its deadline. Without a deadline it costs
 * nothing.
 */
export function withDeadline<T>(
  f: RemoteFunction,
  { signal, timeoutMs }: InvokeOptions,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  return timeoutMs === undefined ? run(signal) : runWithin(f, timeoutMs, signal, run)
}

async function runWithin<T>(
  f: RemoteFunction,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(new DeadlineReason(f, timeoutMs)), timeoutMs)
  try {
    return await run(signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]))
  } finally {
    clearTimeout(timer)
  }
}
