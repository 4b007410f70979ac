// The worker that cold.ts starts with `new Worker`: plain JavaScript without imports, so nothing can start faster.
import { parentPort } from 'node:worker_threads'
parentPort.on('message', (message) => parentPort.postMessage(message))
