import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** State of this process and this machine that a test may leave behind. */
export interface Traces {
  /** Files in /dev/shm. */
  readonly sharedMemory: readonly string[]
  /** TCP addresses, in the kernel's notation, on which this process listens. */
  readonly listening: readonly string[]
  /** Number of open descriptors and mappings of memory shared with executors. */
  readonly channels: number
}

const LISTEN = '0A'

/** What exists now and did not before, in sentences. Other tests may run at the same time. */
export function leftSince(before: Traces): string[] {
  const now = lookForTraces()
  return [
    ...now.sharedMemory.filter((name) => !before.sharedMemory.includes(name)).map((name) => `/dev/shm/${name}`),
    ...now.listening.filter((address) => !before.listening.includes(address)).map((address) => `listening: ${address}`),
    ...(now.channels > before.channels ? [`memory of ${now.channels - before.channels} channels`] : []),
  ]
}

/** Takes the traces now. Other processes' resources end with them and are not included. */
export function lookForTraces(): Traces {
  const open = readdirSync('/proc/self/fd').map(linkOf)
  const mapped = readFileSync('/proc/self/maps', 'utf8').split('\n')
  const isShared = (text: string): boolean => text.includes('/memfd:rfaas')
  return {
    sharedMemory: readdirSync('/dev/shm').sort(),
    listening: listeners(new Set(open)),
    channels: open.filter(isShared).length + mapped.filter(isShared).length,
  }
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // the descriptor of this readdir itself
  }
}

function listeners(open: ReadonlySet<string>): string[] {
  return ['tcp', 'tcp6'].flatMap((family) =>
    readFileSync(`/proc/self/net/${family}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTEN && open.has(`socket:[${inode}]`))
      .map(([, address]) => address!),
  )
}

/** How often a thread fell asleep. `thread` is `PID/task/TID`. */
export function sleepsOf(thread: string): number {
  const status = readFileSync(`/proc/${thread}/status`, 'latin1')
  return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)![1])
}
