import type { RfaasError } from '../../errors.ts'

const SETTLED = Promise.resolve()

/**
 * Rejects the promise that `resolve` is of, with an error whose stack shows the code that awaits it.
 *
 * The error comes from an event loop turn that knows nothing of the caller, and V8 looks for awaiting frames only while
 * an async function makes an error. So the promise is resolved with that of such a function. Only failures pay for it.
 */
export function rejectWithFrames(resolve: (value: never) => void, error: RfaasError): void {
  // When the promise has settled before, nobody takes the failure; that is no unhandled rejection.
  const failure = raise(error, () => void failure.catch(() => {}))
  resolve(failure as never)
}

/** @param ignore called when the frames were found: V8 does not look past a promise that two are waiting for */
async function raise(error: RfaasError, ignore: () => void): Promise<never> {
  // In the first turn of the microtask queue the caller's promise subscribes to ours, and V8 can find who awaits it.
  await SETTLED
  await SETTLED
  // One error may fail many invocations: each gets an error of its own.
  const own = error.copy()
  Error.captureStackTrace(own, raise)
  ignore()
  // The stack of a defect of ours says where it is.
  throw error.code === 'internal' ? error : own
}
