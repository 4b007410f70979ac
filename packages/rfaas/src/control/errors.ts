import { Code, ConnectError } from '@connectrpc/connect'
import { RfaasError, toRfaasError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** The header (of a stream: the trailer) in which our code travels. */
export const CODE_HEADER = 'rfaas-code'

/** Our codes as Connect's, for clients in other languages, which know only those. */
const CONNECT_CODES: Record<ErrorCode, Code> = {
  invalid_argument: Code.InvalidArgument,
  unknown_function: Code.NotFound,
  module_failed: Code.FailedPrecondition,
  payload_too_large: Code.InvalidArgument,
  result_too_large: Code.OutOfRange,
  function_failed: Code.Unknown,
  deadline_exceeded: Code.DeadlineExceeded,
  aborted: Code.Canceled,
  queue_full: Code.ResourceExhausted,
  lease_denied: Code.ResourceExhausted,
  lease_closed: Code.FailedPrecondition,
  cut_off: Code.Aborted,
  lease_expired: Code.FailedPrecondition,
  lease_retrieved: Code.FailedPrecondition,
  node_lost: Code.Aborted,
  token_refused: Code.PermissionDenied,
  not_found: Code.NotFound,
  node_exists: Code.AlreadyExists,
  registry_full: Code.ResourceExhausted,
  executor_start_failed: Code.Aborted,
  executor_lost: Code.Aborted,
  worker_crashed: Code.Aborted,
  worker_exited: Code.Aborted,
  out_of_memory: Code.ResourceExhausted,
  worker_ended: Code.Aborted,
  manager_unreachable: Code.Unavailable,
  node_unreachable: Code.Unavailable,
  closed: Code.Unavailable,
  unsupported: Code.Unimplemented,
  internal: Code.Internal,
}

/**
 * Turns what a handler threw into the error that travels. A ConnectError stays as it is; anything else that is not ours
 * becomes `internal`.
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error
  const ours = toRfaasError(error)
  return new ConnectError(ours.sentence, CONNECT_CODES[ours.code], { [CODE_HEADER]: ours.code }, undefined, error)
}

/**
 * Turns what a call threw into an RfaasError: with the server's code and sentence where it gave them, else with
 * `fallbackCode`, `action` (a sentence without its end such as "Cannot reach the resource manager at http://…") and the
 * reason.
 */
export function fromConnectError(error: unknown, fallbackCode: ErrorCode, action: string): RfaasError {
  if (!(error instanceof ConnectError)) return toRfaasError(error, fallbackCode, action)
  const code = error.metadata.get(CODE_HEADER)
  if (isErrorCode(code)) return new RfaasError(code, error.rawMessage, { cause: error })
  switch (error.code) {
    // Connect itself answered: the server is there, but would not even hand the request to a handler.
    case Code.InvalidArgument:
    case Code.ResourceExhausted:
      return new RfaasError('invalid_argument', `The request was refused: ${error.rawMessage}`, { cause: error })
    case Code.Unimplemented:
      return new RfaasError(fallbackCode, `${action}: no rfaas of this version answers there`, { cause: error })
    default:
      return new RfaasError(fallbackCode, `${action}: ${error.rawMessage}`, { cause: error })
  }
}

function isErrorCode(code: string | null): code is ErrorCode {
  return code !== null && Object.hasOwn(CONNECT_CODES, code)
}
