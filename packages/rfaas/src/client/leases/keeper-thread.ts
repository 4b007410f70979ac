/** The thread program of keep-aside.ts. */
import { parentPort, workerData } from 'node:worker_threads'

import type { KeeperThreadData } from './keeper-data.ts'

const { port, restMs } = workerData as KeeperThreadData
const rested = Promise.withResolvers<void>()
const restFor = (ms: number): void => void setTimeout(rested.resolve, ms)
restFor(restMs)
// A message shortens the rest, for a lease that is shorter than those before it.
parentPort!.on('message', restFor)
await rested.promise
parentPort!.off('message', restFor)
const { renewLeases } = await import('./renew-leases.ts')
renewLeases(port)
