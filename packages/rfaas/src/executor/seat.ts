import { attach, interrupt, type ConnectionHandle, type Listener } from '@rfaas/fabric'

import { RfaasError } from '../errors.ts'
import type { LoadMessage } from './thread-messages.ts'
import type { WorkerEnd, WorkerThread } from './worker-thread.ts'

/**
 * What a seat is at: it waits for its first client, serves, is `restarting` from the end of its thread until its client
 * is there again, or has `ended` as its client or a drain wanted it. A seat that is `stuck` has a thread that cannot be
 * ended.
 */
export type SeatState = 'waiting' | 'serving' | 'restarting' | 'ended' | 'stuck'

/** How a seat stopped serving. */
export type SeatEnd =
  | { readonly kind: 'ended'; readonly isIdle: boolean }
  /** No client came before the seat was drained. */
  | { readonly kind: 'unused' }
  /** Its thread has ended by itself, or was ended. */
  | { readonly kind: 'crashed'; readonly end: WorkerEnd }
  /** Its thread should end, and does not. */
  | { readonly kind: 'stuck' }

export type LoadOrder = Omit<LoadMessage, 'kind'>

/** The place of one worker in a lease: the thread that it is now, where its client finds it, and their connection. */
export class Seat {
  readonly index: number
  thread: WorkerThread
  state: SeatState = 'waiting'
  /** How often another thread has taken the place of one that had ended. */
  restarts = 0
  /** Whether its present thread has served a client to the end. */
  hasServed = false
  readonly #order: LoadOrder
  readonly #listen: (secret: Uint8Array) => Promise<Listener>
  #loading: ReturnType<WorkerThread['load']> | null = null
  #listener: Listener | null = null
  #handle: ConnectionHandle | null = null
  #isDraining = false

  /** @param listen opens where the client of this seat connects */
  constructor(thread: WorkerThread, order: LoadOrder, listen: (secret: Uint8Array) => Promise<Listener>) {
    this.index = order.workerIndex
    this.thread = thread
    this.#order = order
    this.#listen = listen
  }

  /** Begins to load the functions. */
  load(): void {
    this.#loading = this.thread.load(this.#order)
    // It may fail before the listener is there; then it is awaited in `open`, and is no unhandled rejection here.
    this.#loading.catch(() => {})
  }

  /**
   * Listens for the client; call it after {@link load}.
   *
   * @throws as {@link WorkerThread.load}; FabricError when it cannot listen
   */
  async open(
    secret: Uint8Array,
  ): Promise<{ address: string } & Pick<Awaited<ReturnType<WorkerThread['load']>>, 'functions' | 'loadMs'>> {
    const address = await this.#listenFor(secret)
    const { functions, loadMs } = await this.#loading!
    return { address, functions, loadMs }
  }

  /**
   * As {@link open}, after {@link renew}. The thread may have ended by itself meanwhile: then {@link serve} says so once the
   * client is there, as when the thread ends a moment later.
   *
   * @returns where the client connects
   * @throws {RfaasError} `module_failed`; FabricError when it cannot listen
   */
  async reopen(secret: Uint8Array): Promise<string> {
    const address = await this.#listenFor(secret)
    await this.#loading!.catch((error: unknown) => {
      if (error instanceof RfaasError && error.code === 'module_failed') throw error
    })
    return address
  }

  /**
   * Accepts the client and has the thread serve it, until one of them ends.
   *
   * @param onClient called before the thread has the connection; returns what to call when that is over
   */
  async serve(onClient: (handle: ConnectionHandle) => () => void): Promise<SeatEnd> {
    const listener = this.#listener!
    let handle: ConnectionHandle
    try {
      handle = await listener.accept()
    } catch {
      // A drain closed the listener before a client came.
      this.state = 'ended'
      return { kind: 'unused' }
    }
    listener.close()
    this.#handle = handle
    this.state = 'serving'
    const isOver = onClient(handle)
    const serving = this.thread.serve(handle)
    // A drain between `accept` and here may have missed this connection.
    if (this.#isDraining) interrupt(handle)
    try {
      const { isIdle } = await serving
      this.state = 'ended'
      this.hasServed = true
      return { kind: 'ended', isIdle }
    } catch {
      this.state = 'restarting'
      const end = await this.thread.over()
      if (end === null) {
        this.state = 'stuck'
        return { kind: 'stuck' }
      }
      hangUp(handle)
      return { kind: 'crashed', end }
    } finally {
      isOver()
    }
  }

  /** Puts another thread in the place of one that has ended, and begins to load the functions. */
  renew(thread: WorkerThread): void {
    this.thread = thread
    this.restarts++
    this.#handle = null
    this.load()
  }

  /** Ends the thread whatever it runs. @returns whether it could be ended */
  end(): Promise<boolean> {
    const ending = this.thread.end()
    // A thread that sleeps in native code notices its termination only when it wakes.
    if (this.#handle !== null) interrupt(this.#handle)
    return ending
  }

  /** Opens where the client connects, and returns its address. */
  async #listenFor(secret: Uint8Array): Promise<string> {
    const listener = (this.#listener = await this.#listen(secret))
    if (this.#isDraining) listener.close()
    return listener.address
  }

  drain(): void {
    this.#isDraining = true
    this.#listener?.close()
    if (this.#handle !== null) interrupt(this.#handle)
  }
}

/** Closes a connection that its thread may not have attached. The end of a thread closes those that it had. */
function hangUp(handle: ConnectionHandle): void {
  try {
    attach(handle).close()
  } catch {
    // It was attached, and is closed.
  }
}
