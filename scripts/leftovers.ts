import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { belongsTo, hasEnvironment, processes, type Process } from './processes.ts'

/** How long processes that were told to end may still take. */
const GRACE_MS = 3_000

const sharedMemory = (): string[] => readdirSync('/dev/shm')

/**
 * Marks what this process starts from now on, through an environment variable that children inherit, and notes what is
 * in /dev/shm.
 *
 * @returns a function that ends the processes that are left over, and returns a sentence for each leftover, none when
 * nothing is left. Call it when everything that was started should have ended.
 */
export function watchForLeftovers(root: string): () => Promise<string[]> {
  const marker = `RFAAS_RUN_${process.pid}`
  process.env[marker] = '1'
  const before = new Set(processes().map(({ pid }) => pid))
  const sharedMemoryBefore = new Set(sharedMemory())

  // A process started with an environment of its own has no mark; it counts when it has lost its parent.
  const isLeft = (found: Process): boolean =>
    found.pid !== process.pid &&
    (hasEnvironment(found.pid, `${marker}=1`) ||
      (found.parentPid === 1 && !before.has(found.pid) && belongsTo(found, root)))
  const look = (): { running: Process[]; files: string[] } => ({
    running: processes().filter(isLeft),
    files: sharedMemory().filter((name) => !sharedMemoryBefore.has(name)),
  })

  return async () => {
    const endMs = Date.now() + GRACE_MS
    let left = look()
    while (left.running.length + left.files.length > 0 && Date.now() < endMs) {
      await delay(50)
      left = look()
    }
    const sentences = left.running.map(({ pid, command }) => {
      process.kill(pid, 'SIGKILL')
      return `Process ${pid} was left running, and has been ended: ${command.join(' ')}`
    })
    return [...sentences, ...left.files.map((name) => `/dev/shm/${name} was left behind`)]
  }
}
