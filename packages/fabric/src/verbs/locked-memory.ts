import { readFileSync } from 'node:fs'

import { FabricError } from '../errors.ts'

/** The capability to lock memory without limit (capabilities(7)). */
const CAP_IPC_LOCK = 14n

/** What this process may lock, and has locked for devices, in bytes. */
export interface LockedMemory {
  /** Infinity where there is no limit for this process. */
  readonly limitBytes: number
  readonly pinnedBytes: number
}

/** Parses the texts of /proc/self/limits and /proc/self/status. */
export function lockedMemoryIn(limits: string, status: string): LockedMemory {
  const soft = /^Max locked memory\s+(\d+)/m.exec(limits)?.[1]
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const isFree = soft === undefined || (capabilities >> CAP_IPC_LOCK) % 2n === 1n
  const pinnedKib = Number(/^VmPin:\s*(\d+) kB/m.exec(status)?.[1] ?? 0)
  return { limitBytes: isFree ? Infinity : Number(soft), pinnedBytes: pinnedKib * 1024 }
}

/**
 * Checks that this process may lock `bytes` more. RDMA devices access memory on their own, so it must be locked. When
 * that is not allowed, the kernel only says that there is not enough memory; this error says what to do.
 *
 * @throws {FabricError} `system`
 */
export function checkLockable(bytes: number, { limitBytes, pinnedBytes }: LockedMemory = lockedMemory()): void {
  if (pinnedBytes + bytes <= limitBytes) return
  const kib = (value: number): string => `${Math.ceil(value / 1024)} KiB`
  const locked = pinnedBytes === 0 ? '' : `, of which ${kib(pinnedBytes)} are locked already`
  throw new FabricError(
    'system',
    `Cannot lock ${kib(bytes)} of memory for RDMA: this process may lock ${kib(limitBytes)}${locked}; ` +
      'raise the limit: ulimit -l unlimited, LimitMEMLOCK=infinity in systemd, --ulimit memlock=-1 for a container',
  )
}

function lockedMemory(): LockedMemory {
  return lockedMemoryIn(readFileSync('/proc/self/limits', 'utf8'), readFileSync('/proc/self/status', 'utf8'))
}
