import { writeSync } from 'node:fs'
import { Socket } from 'node:net'

import { dieWithParent, exitNow } from '@rfaas/fabric'

import { toRfaasError } from '../errors.ts'
import { EXECUTOR_FAILURE_CHARS_MAX } from './limits.ts'
import { EXIT_CLIENT_GONE, MESSAGES_FD, type FailedMessage, type FromExecutor } from './messages.ts'
import { encodeMessage, MessageReader, toExecutor } from './pipe.ts'
import { reasonOf, stackOf } from '../thrown.ts'
import { Supervisor } from './supervisor.ts'
import type { WorkerThread } from './worker-thread.ts'

/**
 * Does what the executor manager says on the pipe, until the process ends.
 *
 * @param first a worker that is starting already
 */
export function runExecutor(first: WorkerThread): void {
  dieWithParent()
  // Ctrl-C reaches the whole process group; the executor manager decides when to stop.
  process.on('SIGINT', () => {})

  // `exitNow`, because a function that computes cannot be told, and one that is blocked in native code would hold up
  // process.exit.
  const supervisor = new Supervisor(first, () => exitNow(EXIT_CLIENT_GONE))
  const pipe = new Socket({ fd: MESSAGES_FD, readable: true, writable: true })
  const reader = new MessageReader()
  /** Settles when earlier messages are handled: messages are handled in order. */
  let told: Promise<void> = Promise.resolve()
  let isLeased = false
  pipe.on('data', (chunk: Buffer) => {
    for (const message of reader.push(chunk).map(toExecutor)) {
      switch (message.kind) {
        case 'prepare':
          told = answer(pipe, () => supervisor.prepare(message, () => isLeased).then(() => ({ kind: 'prepared' })))
          break
        case 'start':
          isLeased = true
          told = told.then(() => answer(pipe, () => supervisor.start(message)))
          break
        case 'drain':
          supervisor.drain()
          break
        case 'park':
          void supervisor.park().then(() => pipe.write(encodeMessage({ kind: 'parked' })))
      }
    }
  })
  // An executor without its node is of no use. An error is followed by `close`.
  pipe.on('error', () => {})
  pipe.once('end', () => process.exit(1))
  pipe.once('close', () => process.exit(1))

  supervisor.ended.then(
    (end) => (end === 'stopped' ? process.exit(0) : exitNow(EXIT_CLIENT_GONE)),
    (error: unknown) => void told.then(() => crash(error)),
  )
}

/** Does `work` and sends its result; when it fails, sends `failed` and ends the process. */
async function answer(pipe: Socket, work: () => Promise<FromExecutor>): Promise<void> {
  try {
    pipe.write(encodeMessage(await work()))
  } catch (error) {
    const { code, message: text, cause, stack } = toRfaasError(error, 'executor_start_failed', 'Cannot start')
    const failed: FailedMessage = {
      kind: 'failed',
      code: code === 'module_failed' || code === 'unsupported' ? code : 'executor_start_failed',
      reason: text.slice(code.length + 2, EXECUTOR_FAILURE_CHARS_MAX),
      stack: (stackOf(cause) || (stack ?? '')).slice(-EXECUTOR_FAILURE_CHARS_MAX),
    }
    const { promise: forever } = Promise.withResolvers<never>()
    pipe.write(encodeMessage(failed), () => process.exit(1))
    return forever
  }
}

/**
 * The executor manager passes our last output on to the client, so it is written before we exit. process.exit would
 * wait for the other workers, which may be blocked in native code.
 */
function crash(error: unknown): never {
  writeSync(2, `${stackOf(error) || reasonOf(error)}\n`)
  return exitNow(1)
}
