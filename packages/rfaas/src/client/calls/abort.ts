import { RfaasError, type Outcome } from '../../errors.ts'
import type { CancelReason } from '../../protocol/cancel.ts'
import { isInstance, reasonOf } from '../../thrown.ts'
import { DeadlineReason } from './deadline.ts'

/** The error of an invocation, or of a lease that is not open yet, whose signal has fired. */
export function abortedError(action: string, signal: AbortSignal, outcome?: Outcome): RfaasError {
  const reason: unknown = signal.reason
  if (outcome !== undefined && isInstance(reason, DeadlineReason)) return reason.error(outcome)
  const sentence = `${action}: its signal fired: ${reasonOf(reason)}`
  return new RfaasError('aborted', sentence, { cause: reason, ...(outcome && { outcome }) })
}

/** What a worker is told when this signal has fired. */
export function cancelReasonOf(signal: AbortSignal): CancelReason {
  return isInstance(signal.reason, DeadlineReason) ? 'deadline' : 'aborted'
}

/**
 * The callbacks of each signal. All callbacks of a signal share one listener: adding a listener walks through those
 * that are there, so that thousands of them would take seconds.
 */
const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `abort` when the signal fires, in the order in which callbacks were added.
 *
 * @param abort a function of its own for each call
 * @returns removes the callback; to be called when nothing is left to abort, or the signal would hold on to the
 * callback
 */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  let callbacks = waiting.get(signal)
  if (callbacks === undefined) waiting.set(signal, (callbacks = new Set()))
  const all = callbacks
  if (all.size === 0) signal.addEventListener('abort', callAll)
  all.add(abort)
  return () => {
    if (all.delete(abort) && all.size === 0) signal.removeEventListener('abort', callAll)
  }
}

function callAll(this: AbortSignal): void {
  for (const abort of waiting.get(this) ?? []) abort()
}
