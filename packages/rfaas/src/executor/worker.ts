/**
 * One worker thread of an executor: loads the functions, receives a connection and serves it until it ends; then it
 * waits for the next `load`, until its process ends.
 */
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'

import { attach, mapSharedMemory } from '@rfaas/fabric'

import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { toRfaasError } from '../errors.ts'
import { slotLayout } from '../protocol/slots.ts'
import { stackOf } from '../thrown.ts'
import { loadFunctions } from './load.ts'
import { WorkerLoop } from './loop.ts'
import { METER_PAGE_FD } from './messages.ts'
import { InvocationServer } from './server.ts'
import { SharedData } from './shared-data.ts'
import type { AttachMessage, FromWorker, LoadMessage, ToWorker, WorkerData } from './thread-messages.ts'
import { WorkerOutput } from './worker-output.ts'

const supervisor = parentPort!
const say = (message: FromWorker): void => supervisor.postMessage(message)
// Call this before `say`, so that no answer arrives before anything listens for it.
const hear = async <M extends ToWorker>(): Promise<M> => ((await once(supervisor, 'message')) as [M])[0]

const { outputPending } = workerData as WorkerData
const output = new WorkerOutput(outputPending, (stream, bytes) => say({ kind: 'output', stream, bytes }))
output.redirect(1, process.stdout)
output.redirect(2, process.stderr)
process.once('exit', () => output.flush())

try {
  let told = hear<LoadMessage>()
  say({ kind: 'prepared' })
  for (;;) {
    const message = await told
    const { isRehearsal, serves, meterPage, bundlePath, workerIndex, workers, slots, payloadBytesMax, hotTimeoutMs } =
      message
    const layout = slotLayout(slots, payloadBytesMax, message.payloadBytesLargest)
    Object.assign(process.env, message.environment)
    output.label(workerIndex, workers)

    const startMs = performance.now()
    const functions = await loadFunctions(bundlePath, message)
    const summary = functions.map(({ name, raw, streams }) => ({ name, raw, ...(streams && { streams }) }))
    const attached = hear<AttachMessage>()
    say({ kind: 'loaded', functions: summary, loadMs: performance.now() - startMs })

    const { handle } = await attached

    const connection = attach(handle)
    // Without this a sleeping thread with nothing else to wait for would end.
    connection.ref()
    const pageBytes = workers * METER_BYTES
    const page = isRehearsal ? new ArrayBuffer(pageBytes) : (meterPage ?? mapSharedMemory(METER_PAGE_FD, pageBytes))
    const meters = new Meters(page, workerIndex)
    const worker = { meters, index: workerIndex, count: workers }
    using shared = new SharedData()
    const server = new InvocationServer(connection, layout, functions, worker, shared.functions)

    const loop = new WorkerLoop(connection, server, meters, hotTimeoutMs)
    if (serves && (await loop.run()) === 'lost') server.closeStreams()
    connection.close()
    output.flush()
    told = hear<LoadMessage>()
    say({ kind: 'ended', isIdle: server.pending === 0 })
  }
} catch (error) {
  const { code, sentence, stack, cause } = toRfaasError(error, 'executor_start_failed', 'Cannot start a worker')
  say({ kind: 'failed', code, reason: sentence, stack: stackOf(cause) || (stack ?? '') })
  // Stop listening. The functions' module may have left timers or sockets open, but they serve nobody any more.
  supervisor.close()
}
