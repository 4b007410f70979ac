/** One worker thread of an executor: loads the functions, is handed a connection, serves it until it ends. */
import { parentPort, workerData } from 'node:worker_threads'

import { attach, mapSharedMemory } from '@rfaas/fabric'

import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { toRfaasError } from '../errors.ts'
import { slotLayout } from '../protocol/slots.ts'
import { loadFunctions } from './load.ts'
import { WorkerLoop } from './loop.ts'
import { METER_PAGE_FD } from './messages.ts'
import { InvocationServer } from './server.ts'
import type { AttachMessage, FromWorker, WorkerInit } from './thread-messages.ts'

const init = workerData as WorkerInit
const supervisor = parentPort!
const say = (message: FromWorker): void => supervisor.postMessage(message)

try {
  const startMs = performance.now()
  const functions = await loadFunctions(init.bundlePath)
  const summary = functions.map(({ name, raw }) => ({ name, raw }))
  // Taken before we answer, so that no handle can arrive unheard.
  const attached = new Promise<AttachMessage>((resolve) => supervisor.once('message', resolve))
  say({ kind: 'loaded', functions: summary, loadMs: performance.now() - startMs })

  const { handle } = await attached
  const connection = attach(handle)
  // Asleep with nothing of its own to wait for, a thread would end.
  connection.ref()
  const meters = new Meters(mapSharedMemory(METER_PAGE_FD, init.workers * METER_BYTES), init.workerIndex)
  const layout = slotLayout(init.slots, init.payloadBytesMax)
  const server = new InvocationServer(connection, layout, functions)
  const end = await new WorkerLoop(connection, server, meters, init.hotTimeoutMs).run()
  connection.close()
  say({ kind: 'ended', end })
} catch (error) {
  const { code, message, stack, cause } = toRfaasError(error, 'executor_start_failed', 'Cannot start a worker')
  const origin = cause instanceof Error ? cause.stack : stack
  say({ kind: 'failed', code, reason: message.slice(code.length + 2), stack: origin ?? '' })
}
// The functions' module may have left timers or sockets open; nobody is served by them any more.
supervisor.close()
