/** The thread program of keep-aside.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'

import type { KeeperThreadData } from './aside-messages.ts'

const { port, restMs } = workerData as KeeperThreadData
await delay(restMs)
// Only now: loading it takes a processor for a tenth of a second.
const { renewLeases } = await import('./renew-leases.ts')
renewLeases(port)
