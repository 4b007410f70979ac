import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker, type MessagePort } from 'node:worker_threads'

import { FabricError } from '../errors.ts'
import type { Side } from '../local/layout.ts'
import type { ThreadsHandle } from './handle.ts'
import { End, endSide, type Signals } from './memory.ts'
import type { GuardOrder } from './messages.ts'

/*
 * How the end of a thread is noticed. A thread that is terminated runs no more code, but its message ports close, and
 * Node.js emits `close` at the other end of each. That is an event of an event loop, and the event loop of a thread that
 * polls or is blocked stands still. So every thread that listens or connects has a guard: a small thread that only waits
 * for these events. A connection has two pairs of ports: the thread of each side holds one port, and the guard of the
 * other side holds its other end.
 *
 * A thread that attaches an accepted connection may be another than the one that accepted it. The accepting thread then
 * must have started it, and notices its exit as its parent.
 */

const GUARD_FILE = new URL(`./guard-thread${extname(import.meta.filename)}`, import.meta.url)

let guard: Promise<Worker> | null = null

/**
 * The guard of this thread; started at the first call. It ends with this thread, and does not keep it alive.
 *
 * @throws {FabricError} `system` when this process may start no thread
 */
export function guardOfThread(): Promise<Worker> {
  return (guard ??= start().catch((cause: unknown) => {
    guard = null
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new FabricError('system', `Cannot start the thread that notices the end of others: ${reason}`, { cause })
  }))
}

let orders = 0

/**
 * Ends a side of a connection when the port closes; takes the port.
 *
 * @returns a function that closes the port and ends nothing
 * @throws {FabricError} `system` when there is no guard
 */
export async function guardSide(port: MessagePort, { control, flags }: Signals, side: Side): Promise<() => void> {
  const worker = await guardOfThread()
  const id = ++orders
  // Without the windows: an idle thread collects no garbage, and would keep them.
  worker.postMessage({ kind: 'guard', id, port, control, flags, side } satisfies GuardOrder, [port])
  return () => worker.postMessage({ kind: 'forget', id } satisfies GuardOrder)
}

async function start(): Promise<Worker> {
  const worker = new Worker(GUARD_FILE, { execArgv: [], name: 'rfaas-guard' })
  await once(worker, 'message')
  worker.unref()
  return worker
}

/** An end that this thread has accepted, without its windows: they need not wait for the next look at this. */
interface AcceptedEnd {
  readonly signals: Signals
  readonly side: Side
}

/** Ends that this thread has accepted and that were not gone at the last look. */
const accepted = new Set<AcceptedEnd>()
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
export function watchAttaching({ memory: { control, flags }, side }: ThreadsHandle): void {
  for (const each of accepted) if (new End(each.signals, each.side).isGone) accepted.delete(each)
  accepted.add({ signals: { control, flags }, side })
}

function ended(threadId: number): void {
  for (const each of accepted) {
    const { signals, side } = each
    if (!new End(signals, side).isOf(threadId)) continue
    accepted.delete(each)
    endSide(signals, side)
  }
}
