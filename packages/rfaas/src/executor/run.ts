import { writeSync } from 'node:fs'
import { Socket } from 'node:net'

import { dieWithParent, exitNow } from '@rfaas/fabric'

import { EXIT_CLIENT_GONE, MESSAGES_FD } from './messages.ts'
import { handleOrders } from './orders.ts'
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
  const { handle, answered } = handleOrders(supervisor, {
    say: (message) => void pipe.write(encodeMessage(message)),
    fail: (message) => void pipe.write(encodeMessage(message), () => process.exit(1)),
  })
  pipe.on('data', (chunk: Buffer) => {
    for (const message of reader.push(chunk).map(toExecutor)) handle(message)
  })
  // An executor without its node is of no use. An error is followed by `close`.
  pipe.on('error', () => {})
  pipe.once('end', () => process.exit(1))
  pipe.once('close', () => process.exit(1))

  supervisor.ended.then(
    (end) => (end === 'stopped' ? process.exit(0) : exitNow(EXIT_CLIENT_GONE)),
    (error: unknown) => void answered().then(() => crash(error)),
  )
}

/**
 * The executor manager passes our last output on to the client, so it is written before we exit. process.exit would
 * wait for the other workers, which may be blocked in native code.
 */
function crash(error: unknown): never {
  writeSync(2, `${stackOf(error) || reasonOf(error)}\n`)
  return exitNow(1)
}
