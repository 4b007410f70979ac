import type { Clock } from '../clock.ts'

/** Apart from what starts the process, because it is part of the published types, which do without those of Node.js. */
export interface ExecutorProcessOptions {
  executorPath: string
  /** The executor inherits it as METER_PAGE_FD. The caller still owns this descriptor and closes it. */
  meterPageFd: number
  /** Heap of each thread of the executor. */
  heapMib: number
  /** Whether it gets only idle processors, until `start`. Default false. */
  inBackground?: boolean
  /** Whether the functions are those of this very program, which has more variables for them. Default false. */
  isOwnProgram?: boolean
  /** Limit for what functions have in their working directory. Default WORK_FOLDER_BYTES_MAX. */
  workFolderBytesMax?: number
  /** By which that is looked at. Default: the system's. */
  clock?: Clock
}
