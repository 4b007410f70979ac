import { readFile } from 'node:fs/promises'

/**
 * Memory that a process adds to its machine, in bytes: what is its own, and its part of what it shares with others,
 * such as Node's own code (proc_pid_smaps(5), Pss). 0 when it is gone.
 */
export async function memoryBytesOf(pid: number): Promise<number> {
  try {
    const [, kib] = /^Pss:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))!
    return Number(kib) * 1024
  } catch {
    return 0
  }
}
