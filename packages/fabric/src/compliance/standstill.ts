/** Whether threads sleep, by what the kernel counts: another process on the same processors does not change it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { PATIENCE } from './patience.ts'

/** A thread that polls by a timer runs more often than once in this time. */
const STILL_MS = 200

/** Ends the wait for threads that never sleep. */
const NEVER_MS = 30_000 * PATIENCE

/** The calling thread, as a path in /proc: `PID/task/TID`. */
export const thisThread = (): string => readlinkSync('/proc/thread-self')

/** All threads of a process, as paths in /proc. */
export const threadsOf = (pid: number): string[] => readdirSync(`/proc/${pid}/task`).map((tid) => `${pid}/task/${tid}`)

/**
 * Returns the threads and how often each has given up its processor so far, as text; null unless all of them sleep or
 * are stopped.
 */
function restOf(threads: readonly string[]): string | null {
  const rest: string[] = []
  for (const thread of threads) {
    const status = readFileSync(`/proc/${thread}/status`, 'latin1')
    // A thread that can run is in state R, also while it waits for a processor.
    if (!/^State:\t[ST] /m.test(status)) return null
    rest.push(thread, ...[...status.matchAll(/ctxt_switches:\t(\d+)$/gm)].map(([, count]) => count!))
  }
  return rest.join(' ')
}

/**
 * Waits until none of the threads has run for `stillMs`. All of them slept then from one look to the next: a thread that
 * has run and sleeps again has given up its processor once more, and one that polls without a pause never sleeps.
 *
 * @param threads called for each look
 * @param stillMs default 200; shorter than the longest sleep of what is watched
 * @param limitMs default 30,000
 * @returns false when they did not sleep within the limit
 */
export async function standsStill(
  threads: () => readonly string[],
  stillMs: number = STILL_MS,
  limitMs: number = NEVER_MS,
): Promise<boolean> {
  const endMs = performance.now() + limitMs
  let last = restOf(threads())
  while (performance.now() < endMs) {
    await delay(stillMs)
    const now = restOf(threads())
    if (now !== null && now === last) return true
    last = now
  }
  return false
}
