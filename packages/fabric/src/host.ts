import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

import { localNative } from './native.ts'

const SIGKILL = 9

/**
 * Equal for two processes exactly when the `local` fabric reaches from one to the other: same boot of the same kernel,
 * same network namespace (Unix sockets of the abstract namespace live in it). 32 hex digits; tells nothing else.
 */
export function hostIdentity(): string {
  return (identity ??= identify())
}

/** A process stays where it is. */
let identity: string | null = null

function identify(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const network = readlinkSync('/proc/self/ns/net')
  return createHash('sha256').update(`${boot} ${network}`).digest('hex').slice(0, 32)
}

/**
 * Lets whoever waits for this processor have it first; returns at once when nobody does (sched_yield(2)). For those who
 * poll: the kernel may have put the very thread that they poll for behind them.
 */
export function yieldProcessor(): void {
  localNative().processorYield()
}

/**
 * Ends this process at once, whatever its threads do. `process.exit` waits for threads that are blocked in native code.
 * Exit listeners are not called, and output that is not written yet is lost.
 */
export function exitNow(code: number): never {
  return localNative().processExit(code)
}

const parentAtStart = process.ppid

/**
 * Asks the kernel to end this process when the process that started it ends, however it ends
 * (prctl(2), PR_SET_PDEATHSIG). Ends it at once when the parent is gone already. To be called on the main thread, by a
 * process that was started from its parent's main thread: to the kernel, both parent and child are threads.
 *
 * @param signal default 9, SIGKILL
 * @param parentPid who started us. Default: who was our parent when this module was loaded, by which time the one who
 * started us may be gone already
 * @throws {FabricError} `unsupported` when the addon cannot be loaded
 */
export function dieWithParent(signal: number = SIGKILL, parentPid: number = parentAtStart): void {
  if (localNative().dieWithParent(signal, parentPid) < 0) process.kill(process.pid, signal)
}
