import { FabricError } from './errors.ts'
import type { ConnectionHandle } from './fabric.ts'

/**
 * The two queues of a listener, one of which is always empty: peers that were not accepted yet, and pending `accept`
 * calls.
 */
export class AcceptQueue<H extends ConnectionHandle> {
  readonly #accepted: H[] = []
  readonly #waiting: PromiseWithResolvers<H>[] = []
  #closed = false

  /** Adds a peer that has shown its secret. */
  offer(handle: H): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve(handle)
    else this.#accepted.push(handle)
  }

  /** Returns the next peer. Rejects with `closed` when the listener is closed already or closes during the wait. */
  take(): Promise<H> {
    if (this.#closed) return Promise.reject(closed())
    const handle = this.#accepted.shift()
    if (handle) return Promise.resolve(handle)
    const waiting = Promise.withResolvers<H>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  /** Rejects the pending `take` calls and returns the peers that were not accepted, for the listener to close. */
  close(): H[] {
    this.#closed = true
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed())
    return this.#accepted.splice(0)
  }
}

function closed(): FabricError {
  return new FabricError('closed', 'Cannot accept: the listener is closed')
}
