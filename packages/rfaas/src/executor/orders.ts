import { toRfaasError } from '../errors.ts'
import { stackOf } from '../thrown.ts'
import { EXECUTOR_FAILURE_CHARS_MAX } from './limits.ts'
import type { FailedMessage, FromExecutor, ToExecutor } from './messages.ts'
import type { Supervisor } from './supervisor.ts'

/** What it takes of a supervisor. */
export type Ordered = Pick<
  Supervisor,
  'prepare' | 'start' | 'drain' | 'park' | 'restartWorker' | 'endWorker' | 'onNews'
>

/** Where the answers of an executor go. */
export interface Outlet {
  say(message: FromExecutor): void
  /** Says that it failed, and ends the executor once that is said. */
  fail(message: FailedMessage): void
}

export interface OrderHandler {
  handle(message: ToExecutor): void
  /** Settles when all that was heard so far is answered; never after a failure. */
  answered(): Promise<void>
}

/**
 * Does what the executor manager says: `prepare` and `start` one after the other, everything else at once.
 * The caller delivers the messages to `handle`.
 */
export function handleOrders(supervisor: Ordered, outlet: Outlet): OrderHandler {
  /** Settles when earlier messages are handled. */
  let told: Promise<void> = Promise.resolve()
  let isLeased = false
  supervisor.onNews = (news) => outlet.say(news)
  const handle = (message: ToExecutor): void => {
    switch (message.kind) {
      case 'prepare':
        told = answer(outlet, () => supervisor.prepare(message, () => isLeased).then(() => ({ kind: 'prepared' })))
        break
      case 'start':
        isLeased = true
        told = told.then(() => answer(outlet, () => supervisor.start(message)))
        break
      case 'drain':
        supervisor.drain()
        break
      case 'park':
        void supervisor.park().then(() => outlet.say({ kind: 'parked' }))
        break
      case 'restart':
        supervisor.restartWorker(message)
        break
      case 'end-worker':
        supervisor.endWorker(message)
    }
  }
  return { handle, answered: () => told }
}

/** Does `work` and sends its result; when it fails, sends `failed` and never settles. */
async function answer(outlet: Outlet, work: () => Promise<FromExecutor>): Promise<void> {
  try {
    outlet.say(await work())
  } catch (error) {
    const { code, message: text, cause, stack } = toRfaasError(error, 'executor_start_failed', 'Cannot start')
    outlet.fail({
      kind: 'failed',
      code: code === 'module_failed' || code === 'unsupported' ? code : 'executor_start_failed',
      reason: text.slice(code.length + 2, EXECUTOR_FAILURE_CHARS_MAX),
      stack: (stackOf(cause) || (stack ?? '')).slice(-EXECUTOR_FAILURE_CHARS_MAX),
    })
    const { promise: forever } = Promise.withResolvers<never>()
    return forever
  }
}
