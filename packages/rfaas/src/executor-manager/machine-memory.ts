import { totalmem } from 'node:os'

/** The memory limit of the container, if there is one; else the memory of the machine. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** MiB that can still be used, by the limit of the container, if there is one, and by what the machine has available. */
export function availableMemoryMib(): number {
  return process.availableMemory() / 2 ** 20
}
