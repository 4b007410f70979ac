import { inspect } from 'node:util'

import { RfaasError } from '../../errors.ts'
import { INVOKE_TIMEOUT_MS_MAX } from '../limits.ts'

/** Options of invocations, beside their arguments. */
export interface InvokeOptions {
  /**
   * When it fires, the invocation rejects at once with `aborted`, with the signal's reason as `cause`. If it waits for
   * a slot it is not sent. If it was sent it may have run or may still run, and its slot is taken until the worker has
   * answered.
   */
  signal?: AbortSignal
  /**
   * An invocation that has no result this long after it was made rejects with `deadline_exceeded`. As with `signal`, it is
   * not sent any more or may still run. Default: none.
   */
  timeoutMs?: number
}

/** Options of `lease.map` and `lease.stream`. */
export interface MapOptions extends InvokeOptions {
  /**
   * Inputs under way at most: taken from the inputs and without a result, or with a result that the program has not taken
   * from a stream yet. More than the lease has slots wait in its queue. Default: the slots of all workers.
   */
  concurrency?: number
  /** Whether results come in the order of the inputs, or as they arrive. Default true. */
  ordered?: boolean
}

const INVOKE_NAMES: readonly string[] = ['signal', 'timeoutMs']
const MAP_NAMES: readonly string[] = [...INVOKE_NAMES, 'concurrency', 'ordered']

/** @throws {RfaasError} `invalid_argument`, also for names that are not options */
export function checkInvokeOptions(options: InvokeOptions, names: readonly string[] = INVOKE_NAMES): void {
  for (const name in options) if (!names.includes(name)) refuse(`there is no option ${JSON.stringify(name)}`)
  const { signal, timeoutMs } = options
  if (signal !== undefined && !isSignal(signal)) refuse(`signal must be an AbortSignal, not ${inspect(signal)}`)
  if (timeoutMs === undefined) return
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0 && timeoutMs <= INVOKE_TIMEOUT_MS_MAX)) {
    refuse(`timeoutMs must be a number from 0 to ${INVOKE_TIMEOUT_MS_MAX}, not ${inspect(timeoutMs)}`)
  }
}

/** @throws {RfaasError} `invalid_argument`, also for names that are not options */
export function checkMapOptions(options: MapOptions): void {
  checkInvokeOptions(options, MAP_NAMES)
  const { concurrency = 1, ordered = true } = options
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    refuse(`concurrency must be a whole number of at least 1, not ${inspect(concurrency)}`)
  }
  if (typeof ordered !== 'boolean') refuse(`ordered must be true or false, not ${inspect(ordered)}`)
}

function isSignal(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}

function refuse(reason: string): never {
  throw new RfaasError('invalid_argument', `Cannot invoke: ${reason}`)
}
