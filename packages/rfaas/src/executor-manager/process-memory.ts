import { readFile } from 'node:fs/promises'

/**
 * Memory in bytes that a process uses: its private memory and its proportional share of memory shared with other
 * processes, such as Node's own code (proc_pid_smaps(5), Pss). 0 when the process is gone.
 */
export async function memoryBytesOf(pid: number): Promise<number> {
  try {
    const [, kib] = /^Pss:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))!
    return Number(kib) * 1024
  } catch {
    return 0
  }
}
