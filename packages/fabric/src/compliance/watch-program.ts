/** The program that watches another thread: stores in `found` whether that one slept, and sends it as a message. */
import { parentPort, workerData } from 'node:worker_threads'

import { standsStill } from './standstill.ts'

const { thread, found } = workerData as { thread: string; found: Int32Array }
const slept = await standsStill(() => [thread])
Atomics.store(found, 0, slept ? 1 : -1)
parentPort!.postMessage(slept)
