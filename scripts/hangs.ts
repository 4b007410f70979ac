import type { TestsStream } from 'node:test'

import { processes } from './processes.ts'
import { testFileOf } from './test-file.ts'

const LOOK_EVERY_MS = 1_000

/**
 * Ends the test files in which nothing has begun or ended for too long: the runner's own limit cannot end a thread that
 * spins, nor a file that something keeps open. The runner then reports the file as failed.
 */
export function watchForHangs(events: TestsStream, idleMs: number): { close(): void } {
  const lastSignMs = new Map<string, number>()
  const sign = (event: { file?: string | undefined }): void => {
    lastSignMs.set(testFileOf(event), performance.now())
  }
  events.on('test:dequeue', sign)
  events.on('test:complete', sign)

  const timer = setInterval(() => {
    for (const { pid, parentPid, command } of processes()) {
      const file = command.at(-1)
      if (parentPid !== process.pid || file === undefined) continue
      const nowMs = performance.now()
      const sinceMs = lastSignMs.get(file)
      if (sinceMs === undefined) {
        lastSignMs.set(file, nowMs)
      } else if (nowMs - sinceMs > idleMs) {
        console.log(`Ending ${file}: no test began or ended in it for ${idleMs / 1000} s`)
        process.kill(pid, 'SIGKILL')
      }
    }
  }, LOOK_EVERY_MS)
  return { close: () => clearInterval(timer) }
}
