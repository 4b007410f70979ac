import { isInstance, reasonOf } from './thrown.ts'

/** What went wrong, for programs. The list is closed: a new code is a new minor version. */
export type ErrorCode =
  /** An argument or a file given by the caller is not valid. */
  | 'invalid_argument'
  /** The module has no exported function of that name. */
  | 'unknown_function'
  /** The functions could not be bundled, or threw while they were loaded. */
  | 'module_failed'
  /** The input is larger than the lease's `payloadBytesMax`. */
  | 'payload_too_large'
  /** The result is larger than the lease's `payloadBytesMax`. */
  | 'result_too_large'
  /** The function threw: `cause` is what it threw. Or its result cannot be sent; then there is no `cause`. */
  | 'function_failed'
  /** The invocation did not finish in the time given to it. */
  | 'deadline_exceeded'
  /** The caller's AbortSignal fired. */
  | 'aborted'
  /** All slots are taken and the wait queue is full. */
  | 'queue_full'
  /** No node has what was asked for. */
  | 'lease_denied'
  /** The lease is over, for it was released. */
  | 'lease_closed'
  /** The lease is over, for it was not renewed in time. */
  | 'lease_expired'
  /** The lease is taken back, by an operator or because its node leaves; the message gives the reason. */
  | 'lease_retrieved'
  /** The lease is over, for its node is gone. */
  | 'node_lost'
  /** The token is forged, expired, replayed, or for another node. */
  | 'token_refused'
  /** No such lease, node or bundle. */
  | 'not_found'
  /** The executor could not be started. */
  | 'executor_start_failed'
  /** The executor process ended while the lease was open. */
  | 'executor_lost'
  /** The resource manager cannot be reached. */
  | 'manager_unreachable'
  /** The leased node cannot be reached. */
  | 'node_unreachable'
  /** Called after `close`. */
  | 'closed'
  /** Not possible on this machine; the message says what is missing. */
  | 'unsupported'
  /** A defect of rfaas. Please report it. */
  | 'internal'

/**
 * The only error class that rfaas throws. Match on `code`; the message begins with it and says action, reason and
 * actual value.
 */
export class RfaasError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, sentence: string, options?: ErrorOptions) {
    super(`${code}: ${sentence}`, options)
    this.name = 'RfaasError'
    this.code = code
  }
}

/** Turns anything thrown into an RfaasError: one of ours is returned as it is, the rest gets `code`. Never throws. */
export function toRfaasError(error: unknown, code: ErrorCode = 'internal', action = 'Unexpected failure'): RfaasError {
  if (isInstance(error, RfaasError)) return error
  return new RfaasError(code, `${action}: ${reasonOf(error)}`, { cause: error })
}
