import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

import { reasonAgainst } from './facts.ts'
import { hostNative } from './native.ts'

const SIGKILL = 9

/**
 * Equal for two processes exactly when the `local` fabric reaches from one to the other: same boot of the same kernel,
 * same network namespace (Unix sockets of the abstract namespace live in it). Without the addon there is only `threads`,
 * which reaches no further than this process: then it names the process. 32 hex digits that reveal nothing else.
 */
export function hostIdentity(): string {
  if (identity !== null) return identity
  // Not cached: the addon may be missing for a moment only, such as when there is no file descriptor left.
  if (!hasAddon()) return shortHash(`${hostname()} ${process.pid} ${process.ppid}`)
  return (identity = identify())
}

/** Cached: a process stays on its kernel and in its network namespace. */
let identity: string | null = null

function identify(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const network = readlinkSync('/proc/self/ns/net')
  return shortHash(`${boot} ${network}`)
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

const hasAddon = (): boolean => reasonAgainst('local') === ''

/** Whether `yieldProcessor` has the addon. Cached, also without it: a polling loop must not look for it at every pass. */
let yieldsNatively: boolean | null = null

/** No thread ever notifies this word. */
const unnotified = new Int32Array(new SharedArrayBuffer(4))
const NAP_MS = 0.01

/**
 * Yields this processor to threads that wait for it; returns at once when there are none (sched_yield(2)). For polling
 * loops: the kernel may have queued the very thread whose data is awaited behind the polling one. Without the addon it
 * sleeps for the shortest time that the system knows.
 */
export function yieldProcessor(): void {
  if ((yieldsNatively ??= hasAddon())) hostNative().processorYield()
  else Atomics.wait(unnotified, 0, 0, NAP_MS)
}

/**
 * Ends this process at once, whatever its threads do. `process.exit` waits for threads that are blocked in native code.
 * Exit listeners are not called, and output that is not written yet is lost.
 */
export function exitNow(code: number): never {
  return hostNative().processExit(code)
}

const parentAtStart = process.ppid

/**
 * Asks the kernel to end this process when the process that started it ends, however it ends (prctl(2),
 * PR_SET_PDEATHSIG). Ends it at once when the parent is gone already. Must be called on the main thread of a process
 * that its parent started from the parent's main thread, because the kernel ties the signal to these two threads.
 *
 * @param signal default 9, SIGKILL
 * @param parentPid the process that started this one. Default: the parent when this module was loaded; the process that
 * started this one may be gone by then
 * @throws {FabricError} `unsupported` when the addon cannot be loaded
 */
export function dieWithParent(signal: number = SIGKILL, parentPid: number = parentAtStart): void {
  if (hostNative().dieWithParent(signal, parentPid) < 0) process.kill(process.pid, signal)
}
