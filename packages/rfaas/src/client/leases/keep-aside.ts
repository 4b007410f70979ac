import { extname } from 'node:path'
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads'

import { RfaasError } from '../../errors.ts'
import { KEEPER_REST_SHARE } from '../limits.ts'
import { Turn } from './aside-messages.ts'
import type { AsideLease, FromKeeperThread, ToKeeperThread } from './aside-messages.ts'
import type { KeeperThreadData } from './keeper-data.ts'

/** The thread program, in the same form as this file: TypeScript from src/, JavaScript from dist/. */
const THREAD_FILE = new URL(`./keeper-thread${extname(import.meta.filename)}`, import.meta.url)

/**
 * Receives what the {@link Renewals} in the keeper thread report of a lease, and when the client has to renew it
 * itself.
 */
export interface AsideListener {
  onToken(token: string): void
  onRenewed(expiresMs: number): void
  onOver(error: RfaasError): void
  /** The keeper thread is gone: it renews nothing any more, and all its messages have been delivered. */
  onGone(): void
}

/** A lease that the keeper thread renews, or will. */
export interface AsideLeaseHandle {
  /** Whether the client's own thread still renews the lease: true until the keeper thread runs and takes the turn. */
  readonly isOurs: boolean
  /** Delivers what the thread has sent until now to the listener, without a turn of the event loop. */
  hear(): void
  /**
   * Ends the keeping: from now on the thread shows no server a token, and every token that it has shown was delivered.
   * Idempotent.
   */
  drop(): void
}

/** One thread with an event loop of its own, so that leases are kept while the client's thread computes. */
class KeeperThread {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #leases = new Map<string, { turn: Int32Array<SharedArrayBuffer>; listener: AsideListener }>()
  readonly #onGone: (wasUp: boolean) => void
  #isUp = false
  /** When the thread loads its code, by the monotonic clock. */
  #restsUntilMs: number

  /** @param onGone called once, with whether the thread has ever run */
  constructor(restMs: number, onGone: (wasUp: boolean) => void) {
    const { port1, port2 } = new MessageChannel()
    const workerData: KeeperThreadData = { port: port2, restMs }
    // The thread must not inherit the program's own Node.js flags, such as --import and --eval.
    const worker = new Worker(THREAD_FILE, { workerData, transferList: [port2], execArgv: [], name: 'rfaas-keeper' })
    // An open lease keeps the process alive by its `WatchLease` stream, not by this thread.
    worker.unref()
    this.#worker = worker
    this.#restsUntilMs = performance.now() + restMs
    // `exit` follows. Without a listener the error would be an uncaught exception of the program.
    worker.on('error', () => {})
    worker.once('exit', () => this.#gone())
    this.#onGone = onGone
    this.#port = port1
    port1.on('message', (message: FromKeeperThread) => this.#take(message))
    port1.unref()
  }

  /** Shortens the rest for a lease that is shorter than those before it. */
  restAtMost(restMs: number): void {
    const untilMs = performance.now() + restMs
    if (this.#isUp || untilMs >= this.#restsUntilMs) return
    this.#restsUntilMs = untilMs
    this.#worker.postMessage(restMs)
  }

  keep(lease: AsideLease, listener: AsideListener): AsideLeaseHandle {
    const { leaseId } = lease
    const turn = new Int32Array(new SharedArrayBuffer(4))
    this.#leases.set(leaseId, { turn, listener })
    this.#say({ kind: 'keep', lease, turn })
    return {
      get isOurs() {
        return Atomics.load(turn, 0) === Turn.CLIENT
      },
      hear: () => this.#hear(),
      drop: () => {
        if (Atomics.exchange(turn, 0, Turn.NOBODY) === Turn.NOBODY) return
        this.#hear()
        this.#leases.delete(leaseId)
        this.#say({ kind: 'drop', leaseId })
      },
    }
  }

  #say(message: ToKeeperThread): void {
    this.#port.postMessage(message)
  }

  #hear(): void {
    for (let next; (next = receiveMessageOnPort(this.#port)) !== undefined;) {
      this.#take(next.message as FromKeeperThread)
    }
  }

  #take(message: FromKeeperThread): void {
    if (message.kind === 'up') {
      this.#isUp = true
      return
    }
    const listener = this.#leases.get(message.leaseId)?.listener
    if (listener === undefined) return
    switch (message.kind) {
      case 'token':
        return listener.onToken(message.token)
      case 'renewed':
        return listener.onRenewed(message.expiresMs)
      case 'over':
        return listener.onOver(new RfaasError(message.code, message.sentence))
    }
  }

  #gone(): void {
    this.#hear()
    this.#port.close()
    this.#onGone(this.#isUp)
    const orphans = [...this.#leases.values()]
    this.#leases.clear()
    for (const { turn, listener } of orphans) {
      Atomics.store(turn, 0, Turn.NOBODY)
      listener.onGone()
    }
  }
}

/** The keeper thread of all leases of this thread, from the first one on; null while there is none. */
let thread: KeeperThread | null = null
/** Set when a keeper thread did not even start: the next one would not either. */
let isImpossible = false

/**
 * Starts the keeper thread unless it runs. Called while the node works for a lease that is being opened, because the
 * start takes a processor for some milliseconds.
 */
export function prepareKeeper(durationMs: number): void {
  if (isImpossible) return
  if (thread !== null) return thread.restAtMost(durationMs * KEEPER_REST_SHARE)
  try {
    thread = new KeeperThread(durationMs * KEEPER_REST_SHARE, (wasUp) => {
      thread = null
      if (!wasUp) isImpossible = true
    })
  } catch {
    isImpossible = true
  }
}

/**
 * Has the keeper thread renew a lease.
 *
 * @returns null when there can be no such thread, as under `--permission` without `--allow-worker`
 */
export function keepAside(lease: AsideLease, listener: AsideListener): AsideLeaseHandle | null {
  prepareKeeper(lease.durationMs)
  return thread?.keep(lease, listener) ?? null
}
