import { RfaasError, type ErrorCode } from '../errors.ts'

/** How an invocation ended, as the result's header has it. */
export const STATUS_OK = 0
export const STATUS_FUNCTION_FAILED = 1
export const STATUS_UNKNOWN_FUNCTION = 2
export const STATUS_RESULT_TOO_LARGE = 3
export const STATUS_MALFORMED = 4

const CODES: Record<number, ErrorCode> = {
  [STATUS_FUNCTION_FAILED]: 'function_failed',
  [STATUS_UNKNOWN_FUNCTION]: 'unknown_function',
  [STATUS_RESULT_TOO_LARGE]: 'result_too_large',
  [STATUS_MALFORMED]: 'internal',
}

/** What travels of an error that a function threw. */
export interface RemoteFailure {
  name: string
  message: string
  stack: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function failureOf(thrown: unknown): RemoteFailure {
  if (thrown instanceof Error) {
    return { name: thrown.name, message: thrown.message, stack: thrown.stack ?? '' }
  }
  return { name: 'Error', message: String(thrown), stack: '' }
}

/** Writes an error as a result's payload, shortened to the room there is: the stack first, then the message. */
export function encodeFailure(thrown: unknown, room: Uint8Array): number {
  const { name, message, stack } = failureOf(thrown)
  const attempts: RemoteFailure[] = [
    { name, message, stack },
    { name, message, stack: '' },
    { name, message: message.slice(0, Math.max(0, Math.floor(room.length / 8) - 48)), stack: '' },
  ]
  for (const attempt of attempts) {
    const bytes = encoder.encode(JSON.stringify(attempt))
    if (bytes.length > room.length) continue
    room.set(bytes)
    return bytes.length
  }
  return 0
}

/** The error that the caller of a failed invocation gets. `cause` is the function's own error, with its remote stack. */
export function decodeFailure(status: number, payload: Uint8Array, functionName: string): RfaasError {
  const failure = parseFailure(payload)
  const cause = new Error(failure.message)
  cause.name = failure.name
  if (failure.stack !== '') cause.stack = failure.stack
  const what = failure.message === '' ? failure.name : failure.message
  const code = CODES[status] ?? 'internal'
  const sentence = code === 'function_failed' ? `${functionName} threw ${failure.name}: ${failure.message}` : what
  return new RfaasError(code, sentence, { cause })
}

function parseFailure(payload: Uint8Array): RemoteFailure {
  const unknown = { name: 'Error', message: 'no details came with the failure', stack: '' }
  if (payload.length === 0) return unknown
  try {
    const parsed = JSON.parse(decoder.decode(payload)) as Partial<RemoteFailure> | null
    const { name, message, stack } = parsed ?? {}
    if (typeof name === 'string' && typeof message === 'string' && typeof stack === 'string')
      return { name, message, stack }
  } catch {
    // A worker that cannot even say what failed is no reason to fail in a new way.
  }
  return unknown
}
