// Echoes every message.
import { parentPort, workerData } from 'node:worker_threads'

const { moves } = workerData as { moves: boolean }
parentPort!.on('message', (payload: Uint8Array<ArrayBuffer>) => {
  parentPort!.postMessage(payload, moves ? [payload.buffer] : [])
})
