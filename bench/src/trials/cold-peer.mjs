// What cold.ts starts with `new Worker`: plain JavaScript that imports nothing, so that nothing starts faster.
import { parentPort } from 'node:worker_threads'
parentPort.on('message', (message) => parentPort.postMessage(message))
