// spinners MILLISECONDS: two threads exchange a word by polling, without yielding. Prints the round trips a second.
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const REQUEST = 0
// On another cache line than REQUEST.
const ANSWER = 32

function serve(words: Int32Array): void {
  for (let n = 1; ; n++) {
    while (Atomics.load(words, REQUEST) !== n);
    Atomics.store(words, ANSWER, n)
  }
}

async function measure(durationMs: number): Promise<void> {
  const words = new Int32Array(new SharedArrayBuffer(4 * 2 * ANSWER))
  const server = new Worker(new URL(import.meta.url), { workerData: words })
  await once(server, 'message')
  let trips = 0
  const beganMs = performance.now()
  while (performance.now() < beganMs + durationMs) {
    Atomics.store(words, REQUEST, ++trips)
    while (Atomics.load(words, ANSWER) !== trips);
  }
  console.log((trips * 1000) / (performance.now() - beganMs))
  await server.terminate()
}

if (isMainThread) {
  await measure(Number(process.argv[2]))
} else {
  parentPort!.postMessage('ready')
  serve(workerData as Int32Array)
}
