import { totalmem } from 'node:os'

/** The memory limit of the container, if there is one; else the memory of the machine. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
