import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'
import { isMainThread } from 'node:worker_threads'

/** A program that listens to one of these waits for somebody to end it. */
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Whether the process has work besides what is unreferenced: a socket, a server, a timer, a child, a read from standard
 * input, a listener for the signals that end programs.
 */
export function hasOtherWork(): boolean {
  if (END_SIGNALS.some((signal) => process.listenerCount(signal) > 0)) return true
  // Standard output and error are among the resources once they are used, though they keep no process alive.
  void process.stdout
  void process.stderr
  const resources = process.getActiveResourcesInfo()
  for (const fd of [1, 2]) {
    const at = resources.indexOf(resourceOf(fd))
    if (at >= 0) resources.splice(at, 1)
  }
  return resources.length > 0
}

/**
 * Calls `f` once nothing that is referenced is left in the event loop: the process would end then. That also sees what
 * {@link hasOtherWork} does not: worker threads without a listener, and what native addons wait for. Where others listen
 * for that moment, or in a worker thread, it calls `f` at once: they must not be told that the process ends.
 *
 * @returns takes it back
 */
export function whenLoopIsEmpty(f: () => void): () => void {
  if (!isMainThread || process.listenerCount('beforeExit') > 0) {
    f()
    return () => {}
  }
  process.once('beforeExit', f)
  return () => process.off('beforeExit', f)
}

/** The type of resource that Node.js makes of an open descriptor; empty for a file, which is none, and a closed one. */
function resourceOf(fd: number): string {
  if (isatty(fd)) return 'TTYWrap'
  try {
    const stat = fstatSync(fd)
    return stat.isFIFO() || stat.isSocket() ? 'PipeWrap' : ''
  } catch {
    return ''
  }
}
