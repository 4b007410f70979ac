/** The thread program of local.ts: a resource manager and a node, until it is told to close them. */
import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

import { likelyFabrics } from '@rfaas/fabric'

import { toRfaasError } from '../errors.ts'
import { nodeEvents, type NodeEvent } from '../executor-manager/events.ts'
import { startNode } from '../executor-manager/node.ts'
import { startResourceManager } from '../resource-manager/manager.ts'
import { AwakeClock } from './awake-clock.ts'
import { LOCAL_OUTPUT_BYTES_MAX } from './limits.ts'
import type { FromLocalThread, ToLocalThread } from './local-messages.ts'
import type { LocalOptions } from './local.ts'

const say = (message: FromLocalThread): void => parentPort!.postMessage(message)

/** Open sockets that our servers have accepted, from the program and from the node. */
const sockets = new Set<Socket>()
subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket }
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
})

/**
 * Destroys the sockets, so that no request arrives any more. When a request arrives in a thread that is being ended,
 * Node aborts the whole process: its HTTP/2 code fails an assertion (`onread->IsFunction()`), because the JavaScript
 * that makes a stream of the request no longer runs.
 */
function readNothing(): void {
  for (const socket of sockets) socket.destroy()
}

/**
 * Passes on what functions print. Never waits for the program, which takes it when its event loop turns; what is too much
 * until then is dropped.
 */
nodeEvents.subscribe((message) => {
  const event = message as NodeEvent
  // Where the program reads the output itself, it decides what to do with it.
  if (event.kind === 'output' && !event.isRead && process.stderr.writableLength < LOCAL_OUTPUT_BYTES_MAX) {
    process.stderr.write(`${event.line}\n`)
  }
})

process.on('uncaughtExceptionMonitor', readNothing)
const toldToClose = Promise.withResolvers<void>()
parentPort!.on('message', (message: ToLocalThread) => {
  if (message.kind === 'close') return toldToClose.resolve()
  readNothing()
  Atomics.store(message.done, 0, 1)
  Atomics.notify(message.done, 0)
  // Blocks the event loop until the thread is ended, so that no new connection is accepted.
  Atomics.wait(message.done, 0, 1)
})

try {
  const options = workerData as LocalOptions
  const clock = new AwakeClock()
  await using stack = new AsyncDisposableStack()
  const manager = await startResourceManager({ port: 0, clock })
  stack.defer(() => manager.close())
  // The node is closed first, because it reports the end of its leases to the manager.
  const fabrics = likelyFabrics().includes('threads') ? { fabrics: ['threads'] as const } : {}
  stack.use(
    await startNode({
      ...options,
      allowNative: options.allowNative ?? true,
      ...fabrics,
      managerUrl: manager.url,
      isOwnProgram: true,
      clock,
    }),
  )
  say({ kind: 'up', url: manager.url })
  await toldToClose.promise
  await stack.disposeAsync()
  say({ kind: 'closed' })
} catch (error) {
  const { code, sentence } = toRfaasError(error)
  say({ kind: 'failed', code, sentence })
}
// Deno's has no close; there the caller ends the thread.
parentPort!.close?.()
