/**
 * An executor that is a thread of its node's process, with one thread per worker: where executors cannot be processes,
 * because the addon that shares memory with them is missing. It is told the same as the process (messages.ts), by
 * messages of its thread.
 */
import { parentPort, workerData } from 'node:worker_threads'

import { prepareFabric } from '@rfaas/fabric'

import { reasonOf, stackOf } from '../thrown.ts'
import { EXIT_CLIENT_GONE, type ToExecutor } from './messages.ts'
import { handleOrders } from './orders.ts'
import { Supervisor } from './supervisor.ts'
import { WorkerThread } from './worker-thread.ts'

/** What the executor manager gives to the thread. */
export interface ExecutorThreadData {
  meterPage: SharedArrayBuffer
  /** Heap of each worker. */
  heapMib: number
}

const { meterPage, heapMib } = workerData as ExecutorThreadData
// Before the first worker starts, because the fabric watches the threads that start after this.
prepareFabric('threads')

const startWorker = (): WorkerThread => new WorkerThread(heapMib)
// process.exit ends this thread and its workers, whatever JavaScript they run.
const home = { meterPage, memoryBytesMax: heapMib * 2 ** 20, startWorker }
const supervisor = new Supervisor(startWorker(), () => process.exit(EXIT_CLIENT_GONE), home)
const { handle, answered } = handleOrders(supervisor, {
  say: (message) => parentPort!.postMessage(message),
  fail(message) {
    parentPort!.postMessage(message)
    process.exit(1)
  },
})
parentPort!.on('message', (message: ToExecutor) => handle(message))

supervisor.ended.then(
  (end) => process.exit(end === 'stopped' ? 0 : EXIT_CLIENT_GONE),
  (error: unknown) =>
    void answered().then(() => {
      // The executor manager passes our last output on to the client.
      process.stderr.write(`${stackOf(error) || reasonOf(error)}\n`, () => process.exit(1))
    }),
)
