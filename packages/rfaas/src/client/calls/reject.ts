import type { RfaasError } from '../../errors.ts'

const SETTLED = Promise.resolve()

/**
 * Rejects the promise that `resolve` belongs to, with an error whose stack shows the code that awaits it.
 *
 * The error arises in an event-loop turn without the caller's frames, and V8 looks for awaiting frames only while an
 * async function makes an error. So the promise is resolved with the promise of such a function. Only failures pay for
 * it.
 */
export function rejectWithFrames(resolve: (value: never) => void, error: RfaasError): void {
  // When the promise has settled before, nothing awaits `failure`; that must not be an unhandled rejection.
  const failure = raise(error, () => void failure.catch(() => {}))
  resolve(failure as never)
}

/** @param ignore called when the frames were found: V8 does not look past a promise with two waiters */
async function raise(error: RfaasError, ignore: () => void): Promise<never> {
  // In the first turn of the microtask queue the caller's promise subscribes to ours, and V8 can find who awaits it.
  await SETTLED
  await SETTLED
  // One error may fail many invocations: each gets an error of its own.
  const own = error.copy()
  Error.captureStackTrace(own, raise)
  ignore()
  // A defect of rfaas keeps its original stack, which says where it is.
  throw error.code === 'internal' ? error : own
}
