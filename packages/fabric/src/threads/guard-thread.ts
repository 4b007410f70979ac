/** The thread program of guard.ts: ends a side of a connection when the port that its thread holds closes. */
import { parentPort } from 'node:worker_threads'

import type { GuardOrder } from './guard.ts'
import { endSide } from './memory.ts'

parentPort!.on('message', ({ port, side, ...signals }: GuardOrder) => {
  port.once('close', () => endSide(signals, side))
})
parentPort!.postMessage('ready')
