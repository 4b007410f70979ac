/** The thread program of connect-aside.ts. A connection belongs to the process, whichever thread begins it. */
import { parentPort, workerData } from 'node:worker_threads'

import { libfabricNative } from '../native.ts'
import type { ConnectArguments } from './connect-aside.ts'

parentPort!.postMessage(libfabricNative().ofiConnect(...(workerData as ConnectArguments)))
