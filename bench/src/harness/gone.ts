import { readFile } from 'node:fs/promises'

/** Ends when no process of that id runs; one that was killed may stay as a zombie until it is reaped. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null)
    if (status === null || /^State:\s+[ZX]/m.test(status)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
