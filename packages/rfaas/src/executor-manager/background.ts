import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** The nice value of a process that gets only idle processors, and the usual one (sched(7)). */
const IDLE_NICE = 19
const USUAL_NICE = 0
/** Bit of CAP_SYS_NICE in the capability masks of proc_pid_status(5). */
const CAP_SYS_NICE = 23
/** Least RLIMIT_NICE that allows a nice value of 0 (getrlimit(2)). */
const USUAL_RLIMIT_NICE = 20
/** The kernel takes one change of an autogroup in 100 ms from processes without CAP_SYS_ADMIN. */
const AUTOGROUP_RETRY_MS = 20
const AUTOGROUP_TRIES_MAX = 25

/**
 * Whether this process may restore the usual priority of threads after it has lowered it. Without that right, which root
 * has, a lowered priority would stay low.
 */
let mayRaise: boolean | null = null

/**
 * Lets a process use only idle processors, until {@link toForeground}. Call it when the process has just been started, as
 * the leader of its own session. Sets two nice values: that of the session's group, which counts if the kernel groups
 * processes by session (sched(7), autogroup), and that of each thread, which counts otherwise. Does nothing if this
 * process may not restore them.
 */
export function toBackground(pid: number): void {
  setAutogroup(pid, IDLE_NICE)
  mayRaise ??= mayRaisePriority()
  if (mayRaise) setNice(pid, IDLE_NICE)
}

/** Gives a process its usual priority again. */
export function toForeground(pid: number): void {
  setAutogroup(pid, USUAL_NICE)
  if (mayRaise) setNice(pid, USUAL_NICE)
}

function mayRaisePriority(): boolean {
  try {
    const [, mask = '0'] = /^CapEff:\t(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
    if ((BigInt(`0x${mask}`) >> BigInt(CAP_SYS_NICE)) & 1n) return true
    const [, limit = '0'] = /^Max nice priority +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return Number(limit) >= USUAL_RLIMIT_NICE
  } catch {
    return false
  }
}

/** Sets the nice value of every thread; a thread inherits the value of the thread that starts it. */
function setNice(pid: number, nice: number): void {
  const done = new Set<string>()
  for (let found = true; found;) {
    found = false
    for (const tid of threadsOf(pid)) {
      if (done.has(tid)) continue
      found = true
      done.add(tid)
      try {
        setPriority(Number(tid), nice)
      } catch {
        // The thread is gone.
      }
    }
  }
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** The latest nice value asked for, of each process whose autogroup could not be changed yet. */
const wished = new Map<number, number>()

function setAutogroup(pid: number, nice: number, tries = 1): void {
  wished.delete(pid)
  try {
    writeFileSync(`/proc/${pid}/autogroup`, `${nice}`)
  } catch (error) {
    // Any other error means that the process is gone, or that the kernel has no autogroups.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries === AUTOGROUP_TRIES_MAX) return
    wished.set(pid, nice)
    setTimeout(() => {
      if (wished.get(pid) === nice) setAutogroup(pid, nice, tries + 1)
    }, AUTOGROUP_RETRY_MS).unref()
  }
}
