/**
 * The executor process: its main thread supervises, one worker thread per leased core serves. Started by the executor
 * manager, which it never outlives.
 */
import { writeSync } from 'node:fs'

import { dieWithParent } from '@rfaas/fabric'

import { toRfaasError } from '../errors.ts'
import {
  EXIT_CLIENT_GONE,
  type FailedMessage,
  type FromExecutor,
  type StartMessage,
  type ToExecutor,
} from './messages.ts'
import { Supervisor } from './supervisor.ts'

dieWithParent()
// Ctrl-C reaches the whole process group; when to stop is for the executor manager to say.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(1))

const supervisor = new Supervisor()
const say = (message: FromExecutor): void => void process.send!(message)

process.on('message', (message: ToExecutor) => {
  if (message.kind === 'drain') supervisor.drain()
  else void start(message)
})

async function start(message: StartMessage): Promise<void> {
  try {
    say(await supervisor.start(message))
  } catch (error) {
    const { code, message: text, cause, stack } = toRfaasError(error, 'executor_start_failed', 'Cannot start')
    const failed: FailedMessage = {
      kind: 'failed',
      code: code === 'module_failed' || code === 'unsupported' ? code : 'executor_start_failed',
      reason: text.slice(code.length + 2),
      stack: (cause instanceof Error ? cause.stack : stack) ?? '',
    }
    process.send!(failed, () => process.exit(1))
    return
  }
  try {
    const end = await supervisor.ended
    process.exit(end === 'drained' ? 0 : EXIT_CLIENT_GONE)
  } catch (error) {
    // The executor manager tells the client what we said last. Written at once, for nothing is flushed by exit.
    writeSync(2, `${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  }
}
