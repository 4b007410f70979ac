import { readFile } from 'node:fs/promises'

/** Resolves when no process with this id runs; a zombie that is not reaped yet counts as gone. */
export async function gone(pid: number): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null)
    if (status === null || /^State:\s+[ZX]/m.test(status)) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
