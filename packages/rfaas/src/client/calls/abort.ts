import { RfaasError } from '../../errors.ts'
import { reasonOf } from '../../thrown.ts'

/** The error of an invocation whose signal has fired. What was sent may have run, or may run yet. */
export function abortedError(action: string, signal: AbortSignal): RfaasError {
  const reason: unknown = signal.reason
  return new RfaasError('aborted', `${action}: its signal fired: ${reasonOf(reason)}`, { cause: reason })
}

/**
 * Calls `abort` when the signal fires.
 *
 * @returns takes that back; to be called when nothing is left to abort, or the signal would hold on to it
 */
export function onAbort(signal: AbortSignal, action: string, abort: (error: RfaasError) => void): () => void {
  const listener = (): void => abort(abortedError(action, signal))
  signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}
