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

/** Processor time of a process with all its threads, in milliseconds, in steps of 10. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // pid (name, which may hold anything) state … : user and system time are fields 14 and 15, in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Processor time of a thread in nanoseconds, and how often it fell asleep. `thread` is `PID/task/TID`. */
export function usageOf(thread: string): { cpuNs: number; sleeps: number } {
  const status = readFileSync(`/proc/${thread}/status`, 'latin1')
  const sleeps = Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)![1])
  return { cpuNs: Number(readFileSync(`/proc/${thread}/schedstat`, 'latin1').split(' ')[0]), sleeps }
}
