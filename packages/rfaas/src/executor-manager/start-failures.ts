import { RfaasError, type ErrorCode } from '../errors.ts'
import type { FailedMessage } from '../executor/messages.ts'
import { EXECUTOR_OUTPUT_LINES } from './limits.ts'

/** The error for an executor that says that it cannot start. */
export function startRefused({ code, reason, stack }: FailedMessage): RfaasError {
  return startFailed(code, reason + frames(stack))
}

export function startFailed(code: ErrorCode, reason: string): RfaasError {
  return new RfaasError(code, `Cannot start executor: ${reason}`)
}

/** The lines of a stack that name source positions; the sentence before them is already in the reason. */
function frames(stack: string): string {
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line))
  return lines
    .slice(0, EXECUTOR_OUTPUT_LINES)
    .map((line) => `\n${line}`)
    .join('')
}
