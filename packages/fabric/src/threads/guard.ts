import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker, type MessagePort } from 'node:worker_threads'

import type { Side } from '../local/layout.ts'
import { End, endSide, OWNER, type Signals } from './memory.ts'
import type { ThreadsHandle } from './handle.ts'

/*
 * How the end of a thread is noticed. A thread that is terminated runs no code of ours any more, but its message ports
 * close, and Node tells the other side of each. That is an event of an event loop, and a thread that polls or is blocked
 * has none to spare: so every thread that listens or connects has a guard, a small thread that only waits for this. A
 * connection has two ports: each side's thread holds one whose other end is with the guard of the other side.
 *
 * A connection that was accepted may be attached by a thread that the accepting thread has started. The latter then sees
 * its exit, for it is the parent.
 */

const GUARD_FILE = new URL(`./guard-thread${extname(import.meta.filename)}`, import.meta.url)

/** Asks a guard to end a side of a connection when a port closes. */
export interface GuardOrder extends Signals {
  port: MessagePort
  side: Side
}

let guard: Promise<Worker> | null = null

/** The guard of this thread; started at the first call. It ends with this thread, and does not keep it alive. */
export function guardOfThread(): Promise<Worker> {
  return (guard ??= start())
}

/** Ends a side of a connection when the port closes; takes the port. */
export async function guardSide(port: MessagePort, { control, flags }: Signals, side: Side): Promise<void> {
  // Without the windows: an idle thread collects no garbage, and would keep them.
  const order: GuardOrder = { port, control, flags, side }
  ;(await guardOfThread()).postMessage(order, [port])
}

async function start(): Promise<Worker> {
  const worker = new Worker(GUARD_FILE, { execArgv: [], name: 'rfaas-guard' })
  await once(worker, 'message')
  worker.unref()
  return worker
}

/** Connections that this thread has accepted and whose end has not been noticed yet. */
const accepted = new Set<ThreadsHandle>()
let isWatching = false

/** Notices from now on when a thread ends that this thread starts. Idempotent. */
export function watchChildren(): void {
  if (isWatching) return
  isWatching = true
  subscribe('worker_threads', (message) => {
    const { worker } = message as { worker: Worker }
    const { threadId } = worker
    worker.once('exit', () => ended(threadId))
  })
}

/** Watches the thread that will attach an accepted connection. */
export function watchAttaching(handle: ThreadsHandle): void {
  for (const each of accepted) if (new End(each.memory, each.side).isGone) accepted.delete(each)
  accepted.add(handle)
}

function ended(threadId: number): void {
  for (const handle of accepted) {
    const { memory, side } = handle
    if (Atomics.load(new End(memory, side).flags, OWNER) !== threadId + 1) continue
    accepted.delete(handle)
    endSide(memory, side)
  }
}
