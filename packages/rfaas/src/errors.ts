import { isErrorLike, isInstance, nameOf, readSafely, reasonOf } from './thrown.ts'

/** What went wrong, for programs. The list is closed: a new code is a new minor version. */
export type ErrorCode =
  /** An argument or a file given by the caller is not valid. */
  | 'invalid_argument'
  /** The module has no exported function of that name. */
  | 'unknown_function'
  /** The functions could not be bundled, or threw while they were loaded. */
  | 'module_failed'
  /** The input is larger than the lease's `payloadBytesMax`, or, where that is not given, than its memory allows. */
  | 'payload_too_large'
  /** The result is larger than the lease's `payloadBytesMax`, or, where that is not given, than its memory allows. */
  | 'result_too_large'
  /** The function threw: `cause` is its error. Or its result cannot be sent; then there is no `cause`. */
  | 'function_failed'
  /** The invocation did not finish in the time given to it. */
  | 'deadline_exceeded'
  /** The caller's AbortSignal fired. */
  | 'aborted'
  /** All slots are taken and the wait queue is full. */
  | 'queue_full'
  /** No node has what was asked for. */
  | 'lease_denied'
  /** The lease is over, because it was released, or because a restarted manager has forgotten it. */
  | 'lease_closed'
  /** The lease was released, and the invocation had not finished when the grace was over. It may have run. */
  | 'cut_off'
  /** The lease is over, because it was not renewed in time. */
  | 'lease_expired'
  /**
   * The lease is retrieved: by an operator, for a higher priority, or because its node leaves; the message gives the
   * reason.
   */
  | 'lease_retrieved'
  /** The lease is over, because its node is gone. */
  | 'node_lost'
  /** The token is forged, expired, replayed, or for another node. */
  | 'token_refused'
  /** No such lease, node or bundle. */
  | 'not_found'
  /** Another node of that name is registered and alive. */
  | 'node_exists'
  /** The resource manager has no room for more deployed functions. */
  | 'registry_full'
  /** The executor could not be started. */
  | 'executor_start_failed'
  /** The executor process ended while the lease was open. */
  | 'executor_lost'
  /** An error that nobody caught ended the worker: `cause` is that error. The worker is restarted. */
  | 'worker_crashed'
  /** A function ended its worker by `process.exit`. The worker is restarted. */
  | 'worker_exited'
  /** The worker has used all memory that the lease gives it. The worker is restarted. */
  | 'out_of_memory'
  /** The worker was ended, because another invocation on it went on after its deadline. The worker is restarted. */
  | 'worker_ended'
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
 * What is known of an invocation that failed: its function `ran` (and threw, or its result could not be returned), it
 * certainly did not run (`not_run`), or it may have run, wholly or in part (`unknown`).
 */
export type Outcome = 'ran' | 'not_run' | 'unknown'

export interface RfaasErrorOptions extends ErrorOptions {
  /** What is known of the invocation that failed with this error. */
  outcome?: Outcome
}

/**
 * The only error class that rfaas throws. Match on `code`; the message begins with it and says action, reason and
 * actual value.
 */
export class RfaasError extends Error {
  readonly code: ErrorCode
  /** What is known of the invocation that failed with this error; undefined where no invocation did. */
  readonly outcome: Outcome | undefined

  constructor(code: ErrorCode, sentence: string, options?: RfaasErrorOptions) {
    super(`${code}: ${sentence}`, options)
    this.name = 'RfaasError'
    this.code = code
    this.outcome = options?.outcome
  }

  /** The message without its code. */
  get sentence(): string {
    return this.message.slice(this.code.length + 2)
  }

  /** A new error like this one, with a stack of its own. */
  copy(outcome: Outcome | undefined = this.outcome): RfaasError {
    return new RfaasError(this.code, this.sentence, {
      ...(Object.hasOwn(this, 'cause') ? { cause: this.cause } : {}),
      ...(outcome === undefined ? {} : { outcome }),
    })
  }

  /** The same error, for an invocation of this outcome. */
  withOutcome(outcome: Outcome): RfaasError {
    return this.outcome === outcome ? this : this.copy(outcome)
  }
}

/**
 * Turns anything thrown into an RfaasError: one of ours is returned as it is; what @rfaas/fabric calls `unsupported`
 * stays that, with its sentence; the rest gets `code`. Never throws.
 */
export function toRfaasError(error: unknown, code: ErrorCode = 'internal', action = 'Unexpected failure'): RfaasError {
  if (isInstance(error, RfaasError)) return error
  if (isUnsupported(error)) return new RfaasError('unsupported', reasonOf(error), { cause: error })
  return new RfaasError(code, `${action}: ${reasonOf(error)}`, { cause: error })
}

/** By its name instead of its class, because this file must not load native code. */
function isUnsupported(error: unknown): boolean {
  return isErrorLike(error) && nameOf(error) === 'FabricError' && readSafely(error, 'code') === 'unsupported'
}
