/** The thread program of connect-aside.ts. A connection belongs to the process, whichever thread begins it. */
import { parentPort, workerData } from 'node:worker_threads'

import { verbsNative } from '../native.ts'
import type { ConnectArguments } from './connect-aside.ts'

parentPort!.postMessage(verbsNative().ofiConnect(...(workerData as ConnectArguments)))
