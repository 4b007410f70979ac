import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** What lives in the heap of this thread, in MiB. */
export function liveHeapMib(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed / 2 ** 20
}
