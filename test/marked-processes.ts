import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** How often /proc is polled for the end of processes: the kernel notifies only their parents. */
const LOOK_EVERY_MS = 20

export interface MarkedProcess {
  pid: number
  parentPid: number
  args: string[]
}

/**
 * Every process that was started with `TMPDIR` set to this folder, whoever started it and even if orphaned since.
 * `TMPDIR` is used because it is among the few variables that executors receive, too.
 */
export function processesOf(temporaryFolder: string): MarkedProcess[] {
  const found: MarkedProcess[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0')
      if (!environment.includes(`TMPDIR=${temporaryFolder}`)) continue
      const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').slice(0, -1)
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const parentPid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      // A zombie has no arguments: it has ended, but its parent has not reaped it yet.
      if (args.length > 0) found.push({ pid: Number(name), parentPid, args })
    } catch {
      // The process ended during the scan.
    }
  }
  return found
}

/** Waits until no such process is left; returns those that are left after `limitMs`. */
export async function leftAfter(temporaryFolder: string, limitMs: number): Promise<MarkedProcess[]> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const left = processesOf(temporaryFolder)
    if (left.length === 0 || performance.now() > endMs) return left
    await delay(LOOK_EVERY_MS)
  }
}
