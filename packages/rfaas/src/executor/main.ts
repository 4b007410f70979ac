/**
 * The executor process: its main thread supervises, one worker thread per leased core serves. Started by the executor
 * manager, which it never outlives.
 */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'

import { dieWithParent } from '@rfaas/fabric'

import { toRfaasError } from '../errors.ts'
import { EXECUTOR_FAILURE_CHARS_MAX } from '../limits.ts'
import { EXIT_CLIENT_GONE, MESSAGES_FD, type FailedMessage, type StartMessage } from './messages.ts'
import { encodeMessage, MessageReader, toExecutor } from './pipe.ts'
import { Supervisor } from './supervisor.ts'

dieWithParent()
// Ctrl-C reaches the whole process group; when to stop is for the executor manager to say.
process.on('SIGINT', () => {})

const supervisor = new Supervisor()
const pipe = new Socket({ fd: MESSAGES_FD, readable: true, writable: true })
const reader = new MessageReader()
pipe.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk).map(toExecutor)) {
    if (message.kind === 'drain') supervisor.drain()
    else void start(message)
  }
})
// An executor without its node is of no use. An error is followed by `close`.
pipe.on('error', () => {})
pipe.once('end', () => process.exit(1))
pipe.once('close', () => process.exit(1))

async function start(message: StartMessage): Promise<void> {
  try {
    pipe.write(encodeMessage(await supervisor.start(message)))
  } catch (error) {
    const { code, message: text, cause, stack } = toRfaasError(error, 'executor_start_failed', 'Cannot start')
    const failed: FailedMessage = {
      kind: 'failed',
      code: code === 'module_failed' || code === 'unsupported' ? code : 'executor_start_failed',
      reason: text.slice(code.length + 2, EXECUTOR_FAILURE_CHARS_MAX),
      stack: ((cause instanceof Error ? cause.stack : stack) ?? '').slice(-EXECUTOR_FAILURE_CHARS_MAX),
    }
    pipe.write(encodeMessage(failed), () => process.exit(1))
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
