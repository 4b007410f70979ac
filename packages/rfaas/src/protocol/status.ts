import { RfaasError, type ErrorCode, type Outcome } from '../errors.ts'
import { messageOf, nameOf, printed } from '../thrown.ts'
import { decodeThrown } from './failure-bytes.ts'
import { copyPeerBytes } from './peer-bytes.ts'
import { errorOf, putTogether } from './remote-error.ts'

/** How an invocation ended: the status word of its result. */
export const STATUS_OK = 0
/** The function threw or rejected; the payload is what it threw (`encodeThrown`). */
export const STATUS_FUNCTION_FAILED = 1
/** For this and the following ones the payload is a sentence of ours (`encodeSentence`). */
export const STATUS_UNKNOWN_FUNCTION = 2
export const STATUS_RESULT_TOO_LARGE = 3
export const STATUS_MALFORMED = 4
/** The function returned, but its result cannot be sent. */
export const STATUS_RESULT_REFUSED = 5
/** The client gave up before the function began, so it did not run. */
export const STATUS_CANCELLED = 6

const CODES: Record<number, ErrorCode> = {
  [STATUS_FUNCTION_FAILED]: 'function_failed',
  [STATUS_UNKNOWN_FUNCTION]: 'unknown_function',
  [STATUS_RESULT_TOO_LARGE]: 'result_too_large',
  [STATUS_MALFORMED]: 'internal',
  [STATUS_RESULT_REFUSED]: 'function_failed',
  [STATUS_CANCELLED]: 'aborted',
}

/** Whether the function ran, as the worker's status says. */
const OUTCOMES: Record<number, Outcome> = {
  [STATUS_FUNCTION_FAILED]: 'ran',
  [STATUS_UNKNOWN_FUNCTION]: 'not_run',
  [STATUS_RESULT_TOO_LARGE]: 'ran',
  [STATUS_MALFORMED]: 'not_run',
  [STATUS_RESULT_REFUSED]: 'ran',
  [STATUS_CANCELLED]: 'not_run',
}

/**
 * Makes the error for the caller of a failed invocation. When the function threw an error, `cause` is that error with
 * its remote stack; when it threw another value, `cause` is an error with the value's fields, and the `cause` of that
 * is the value.
 *
 * @param payload the peer may change it during the call
 */
export function decodeFailure(status: number, payload: Uint8Array, functionName: string): RfaasError {
  const said = decodeThrown(copyPeerBytes(payload))
  const code = CODES[status] ?? 'internal'
  const outcome = OUTCOMES[status] ?? 'unknown'
  const thrown = said === null ? undefined : putTogether(said)
  if (status !== STATUS_FUNCTION_FAILED) {
    const reason = typeof thrown === 'string' ? thrown : `status ${status} without a reason`
    return new RfaasError(code, `Cannot invoke ${functionName}: ${reason}`, { outcome })
  }
  if (said === null) return new RfaasError(code, `${functionName} threw an error of which no details came`, { outcome })
  if (!(said.kind === 'error' && thrown instanceof Error)) {
    const what = said.kind === 'text' ? String(thrown) : printed(thrown)
    return new RfaasError(code, `${functionName} threw ${what}, which is no Error`, { cause: errorOf(thrown), outcome })
  }
  const message = messageOf(thrown)
  const what = message === '' ? nameOf(thrown) : `${nameOf(thrown)}: ${message}`
  return new RfaasError(code, `${functionName} threw ${what}`, { cause: thrown, outcome })
}
