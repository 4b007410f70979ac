import { totalmem } from 'node:os'

/** What a container may use, where there is one; else all that the machine has. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
