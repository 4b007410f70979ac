/** The thread program of connect-aside.ts: connections belong to the process, whichever thread begins them. */
import { parentPort, workerData } from 'node:worker_threads'

import { libfabricNative } from '../native.ts'
import type { ConnectArguments } from './connect-aside.ts'

parentPort!.postMessage(libfabricNative().ofiConnect(...(workerData as ConnectArguments)))
